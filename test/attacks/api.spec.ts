import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, type Connection, Connections, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client } from '../support/client.js';
import { startFanout } from '../support/attacks/servers.js';

@WebSocketGateway()
class Gateway {
  @Topic('news')
  news(): void {}
}

/** What has been sent as raw memory by some version of `ws`: a number as so many bytes, a view as its whole buffer. */
const NO_STRINGS: Record<string, unknown> = {
  'a number': 100,
  'a typed array': new Uint32Array([7, 8, 9]),
  'a view of a buffer': new DataView(new ArrayBuffer(64)),
  'a Buffer': Buffer.allocUnsafe(64),
  'an ArrayBuffer': new ArrayBuffer(64),
  'an array': ['reason'],
  'a string object': new String('reason'),
  'an object with a length': { length: 100 },
  'an object with toString': { toString: () => 'reason' },
};

/** Those of them that JSON turns to something else. */
const LOST = new Set(['a typed array', 'a view of a buffer', 'an ArrayBuffer', 'an object with toString']);

async function start() {
  const { url, get } = await startFanout({ providers: [Gateway] });
  const client = await Client.connect(url);
  const [connection] = [...get(Connections)] as [Connection];
  return { client, connection, broadcaster: get(Broadcaster) };
}

const withCode = (code: string): Error => expect.objectContaining({ code });

describe('A1, A6 memory that the application never meant to send', () => {
  it.each(Object.entries(NO_STRINGS))('cannot be the reason of a close: %s', async (_, reason) => {
    const { client, connection, broadcaster } = await start();
    const user = { user: 7 } as never;
    expect(() => connection.close(4000, reason as string)).toThrow(withCode('FANOUT_CLOSE'));
    const close = { code: 4000, reason: reason as string };
    await expect(broadcaster.disconnect({ connection: connection.id }, close)).rejects.toThrow(
      withCode('FANOUT_CLOSE'),
    );
    await expect(broadcaster.disconnect(user, close)).rejects.toThrow(withCode('FANOUT_CLOSE'));
    expect((await client.request('ping')).event).toBe('pong');
  });

  it.each(Object.entries(NO_STRINGS))('cannot be an event: %s', async (_, event) => {
    const { connection } = await start();
    expect(() => connection.send(event as string)).toThrow(withCode('FANOUT_EVENT'));
  });

  it.each(Object.entries(NO_STRINGS).filter(([name]) => !LOST.has(name)))(
    'is sent as its JSON, as data: %s',
    async (_, data) => {
      const { client, connection, broadcaster } = await start();
      await client.subscribe('news');
      connection.send('data', data);
      broadcaster.publish('news', data);
      const json: unknown = JSON.parse(JSON.stringify(data));
      expect((await client.next(({ event }) => event === 'data')).data).toEqual(json);
      await client.until(() => client.publications('news').length === 1);
      expect(client.publications('news')[0]!.data).toEqual(json);
    },
  );

  it.each([...LOST])('is refused as data, because JSON loses it: %s', async name => {
    const { connection, broadcaster } = await start();
    expect(() => connection.send('data', NO_STRINGS[name])).toThrow(withCode('FANOUT_EVENT'));
    expect(() => broadcaster.publish('news', NO_STRINGS[name])).toThrow(withCode('FANOUT_PAYLOAD'));
  });
});
