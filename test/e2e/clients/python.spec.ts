import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { CLOSE } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { eventually } from '../../support/client.js';
import { BYTES, COMPRESSION, startFeed, VALUES } from '../../support/feed.js';
import { hasPython, PYTHON, SUBSCRIBER } from '../../support/followers.js';

describe.skipIf(!hasPython)('websockets of Python', () => {
  describe.each(['ws', 'wss'] as const)('over %s', scheme => {
    describe.each(COMPRESSION)('%s', (compression, options) => {
      it.each([[[]], [['fanout.v1.json']]])(
        'receives everything in order, has its pings answered and sees the close, with %j',
        async protocols => {
          const { url, publishAll, close, bytesSent } = await startFeed(scheme, options);
          const child = spawn(PYTHON, [SUBSCRIBER, url, 'feed.python', ...protocols], {
            stdio: ['ignore', 'pipe', 'inherit'],
          });
          onTestFinished(() => void child.kill('SIGKILL'));
          const seen: any[] = [];
          createInterface({ input: child.stdout }).on('line', line => seen.push(JSON.parse(line)));
          const ended = once(child, 'close');
          const publications = (): any[] => seen.flatMap(({ frame }) => (frame?.topic ? [frame] : []));

          await eventually(() => seen.length >= 2 || child.exitCode !== null, 'the answer to Python');
          expect(seen).toMatchObject([
            {
              protocol: protocols[0] ?? null,
              extensions: compression === 'compressed' ? ['permessage-deflate'] : [],
            },
            {
              frame: {
                event: 'subscribed',
                id: 1,
                data: { topic: 'feed.python', snapshot: { hello: 'python' } },
              },
            },
          ]);
          await publishAll('feed.python');
          await eventually(() => publications().length === VALUES.length, 'the last publication');
          expect(publications().map(({ data }) => data)).toEqual(VALUES);
          expect(publications().map(({ offset }) => offset)).toEqual(VALUES.map((_, i) => i + 1));
          expect(bytesSent() < BYTES / 2).toBe(compression === 'compressed');
          await close();
          expect(await ended).toEqual([0, null]);
          expect(seen.at(-1)).toEqual({
            code: CLOSE.SHUTDOWN.code,
            reason: expect.stringMatching(/retry-after=\d+$/),
          });
        },
      );
    });
  });
});
