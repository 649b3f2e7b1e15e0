import { Agent, WebSocket } from 'undici';
import { CLOSE } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/client.js';
import { BYTES, COMPRESSION, startFeed, VALUES } from '../../support/feed.js';

describe.each(['ws', 'wss'] as const)('the WebSocket of undici over %s', scheme => {
  describe.each(COMPRESSION)('%s', (compression, options) => {
    it.each([[[]], [['fanout.v1.json']]])(
      'receives everything in order and sees the close, with %j',
      async protocols => {
        const { url, broadcaster, publishAll, close, bytesSent } = await startFeed(scheme, options);
        const dispatcher = new Agent({ connect: { rejectUnauthorized: false } });
        onTestFinished(() => dispatcher.destroy());
        const socket = new WebSocket(url, { protocols, dispatcher });
        const seen: any[] = [];
        let closed: { code: number; reason: string } | undefined;
        socket.addEventListener('open', () =>
          socket.send(JSON.stringify({ event: 'subscribe', id: 'u', data: { topic: 'feed.undici' } })),
        );
        socket.addEventListener('message', ({ data }) => seen.push(...[JSON.parse(data as string)].flat()));
        socket.addEventListener('close', ({ code, reason }) => (closed = { code, reason }));

        await eventually(() => seen.length > 0 || closed !== undefined, 'the answer to undici');
        expect(seen).toMatchObject([
          {
            event: 'subscribed',
            id: 'u',
            data: { topic: 'feed.undici', snapshot: { hello: 'undici' } },
          },
        ]);
        expect(socket.protocol).toBe(protocols[0] ?? '');
        await publishAll('feed.undici');
        await eventually(() => seen.length > VALUES.length, 'the last publication');
        expect(seen.slice(1)).toEqual(
          VALUES.map((data, i) => ({ topic: 'feed.undici', offset: i + 1, data })),
        );
        expect(socket.extensions.startsWith('permessage-deflate')).toBe(compression === 'compressed');
        expect(bytesSent() < BYTES / 2).toBe(compression === 'compressed');
        expect(broadcaster.subscribers('feed.undici')).toBe(1);
        await close();
        await eventually(() => closed !== undefined, 'the close');
        expect(closed!.code).toBe(CLOSE.SHUTDOWN.code);
        expect(closed!.reason).toMatch(/retry-after=\d+$/);
      },
    );
  });
});
