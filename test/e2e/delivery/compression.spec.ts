import { createHash } from 'node:crypto';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  BufferPool,
  Connections,
  CurrentConnection,
  type Connection,
  type FanoutOptions,
  Topic,
} from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { countCompressions } from '../../support/compressions.js';
import { maskedDeflatedText, RawClient } from '../../support/raw-client.js';

const LONG = 'long '.repeat(400);

class Base {
  @Topic('feed', { history: 100 })
  feed(): string {
    return LONG;
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }

  @SubscribeMessage('directly')
  directly(@CurrentConnection() connection: Connection): void {
    connection.socket.send(JSON.stringify({ direct: LONG }));
  }
}

@WebSocketGateway()
class Gateway extends Base {}

@WebSocketGateway({ path: '/takeover', perMessageDeflate: { threshold: 0 } })
class TakeoverGateway extends Base {}

@WebSocketGateway({ path: '/off', perMessageDeflate: false })
class OffGateway extends Base {}

const OFFER = 'permessage-deflate; client_max_window_bits';
const AGREED = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';

/** A ticker message of about 100 bytes. */
const ticker = (i: number): object => ({
  at: 1763000000000 + i * 37,
  symbol: 'AAPL',
  price: 189.25 + (i % 50) / 100,
  seq: i,
});

async function start(options: FanoutOptions = { compression: true }) {
  const { url, get } = await startApp({ providers: [Gateway, TakeoverGateway, OffGateway], options });
  const join = async (offer?: string, protocol?: string, path = ''): Promise<RawClient> => {
    const client = await RawClient.connect(url + path, protocol, offer);
    await client.subscribe('feed');
    client.frames.length = client.bytes = 0;
    return client;
  };
  return { url, get, broadcaster: get(Broadcaster), pool: get(BufferPool), join };
}

const dataOf = (client: RawClient): unknown[] =>
  client.texts.flatMap(text => JSON.parse(text)).map(({ data }) => data);

describe('permessage-deflate', () => {
  it.each([
    ['permessage-deflate', AGREED, true],
    [OFFER, AGREED, true],
    ['permessage-deflate; server_no_context_takeover', AGREED, true],
    [
      'permessage-deflate; client_max_window_bits=10',
      `permessage-deflate; client_max_window_bits=10; ${AGREED.slice(20)}`,
      true,
    ],
    [
      'permessage-deflate; server_max_window_bits=12',
      `permessage-deflate; server_max_window_bits=12; ${AGREED.slice(20)}`,
      true,
    ],
    [
      'permessage-deflate; server_max_window_bits=10',
      `permessage-deflate; server_max_window_bits=10; ${AGREED.slice(20)}`,
      false,
    ],
    [
      `permessage-deflate; server_max_window_bits=9, permessage-deflate`,
      `permessage-deflate; server_max_window_bits=9; ${AGREED.slice(20)}`,
      false,
    ],
    ['x-webkit-deflate-frame', '', false],
    [undefined, '', false],
  ])('offered as %j is answered %j, and publications come deflated: %s', async (offer, agreed, deflated) => {
    const { broadcaster, join } = await start();
    const client = await join(offer);
    expect(client.extensions).toBe(agreed);
    // More of a repetition than a window of 4 KiB can see.
    const publication = Array.from({ length: 500 }, (_, i) => ticker(i));
    broadcaster.publish('feed', publication);
    await client.until(() => client.texts.length === 1);
    expect(client.frames.find(({ opcode }) => opcode === 1)!.deflated).toBe(deflated);
    expect(dataOf(client)).toEqual([publication]);
  });

  it.each([
    'permessage-deflate; server_max_window_bits=7',
    'permessage-deflate; unknown',
    'permessage-deflate; =',
  ])('offered as %j is no valid offer, and answered 400', async offer => {
    const { url } = await start();
    await expect(
      Client.connect(url, [], { perMessageDeflate: false, headers: { 'Sec-WebSocket-Extensions': offer } }),
    ).rejects.toThrow('400');
  });

  it.each([
    ['its defaults', undefined],
    ['a window of 1 KiB', { serverMaxWindowBits: 10 }],
    ['a window of 4 KiB', { serverMaxWindowBits: 12, clientMaxWindowBits: 9 }],
    ['no extension', false],
  ])('is read by ws with %s', async (_, perMessageDeflate) => {
    const { url, broadcaster } = await start();
    const client = await Client.connect(url, ['fanout.v1.json'], { perMessageDeflate });
    await client.subscribe('feed');
    const values = Array.from({ length: 3000 }, (_each, i) => ticker(i));
    for (const value of values) broadcaster.publish('feed', value);
    await client.until(() => client.publications('feed').length === values.length);
    expect(client.publications('feed').map(({ data }) => data)).toEqual(values);
  });

  it('is not agreed to by default, whatever is offered', async () => {
    const { broadcaster, join } = await start({});
    const client = await join(OFFER);
    expect(client.extensions).toBe('');
    broadcaster.publish('feed', LONG);
    await client.until(() => client.frames.length === 1);
    expect(dataOf(client)).toEqual([LONG]);
  });
});

describe('a batch', () => {
  it('is compressed once for each format, however many subscribers there are', async () => {
    const { broadcaster, join } = await start();
    const batched = await Promise.all(Array.from({ length: 20 }, () => join(OFFER, 'fanout.v1.json')));
    const plain = await Promise.all(Array.from({ length: 20 }, () => join(OFFER)));
    const without = [await join(undefined), await join(undefined, 'fanout.v1.json')];
    const compressions = countCompressions();
    for (let flush = 1; flush <= 3; flush++) {
      const values = [...Array.from({ length: 20 }, (_, i) => ticker(i)), LONG];
      for (const value of values) broadcaster.publish('feed', value);
      await broadcaster.flush();
      for (const client of [...batched, ...plain, ...without]) {
        await client.until(() => dataOf(client).length === flush * values.length);
      }
      // A batch, and of the plain frames the one above the threshold.
      expect(compressions).toEqual({ messages: 2 * flush, compressors: 0 });
      expect(dataOf(batched[7]!).slice(-values.length)).toEqual(values);
    }
    for (const client of batched) expect(client.frames.every(({ deflated }) => deflated)).toBe(true);
    for (const client of plain) {
      expect(client.frames.map(({ deflated }) => deflated)).toEqual(
        Array.from({ length: 63 }, (_, i) => i % 21 === 20),
      );
    }
  });

  it('of twenty tickers takes less than a quarter of its bytes', async () => {
    const { broadcaster, join } = await start();
    const [compressed, uncompressed] = [
      await join(OFFER, 'fanout.v1.json'),
      await join(undefined, 'fanout.v1.json'),
    ];
    for (let flush = 0; flush < 10; flush++) {
      for (let i = 0; i < 20; i++) broadcaster.publish('feed', ticker(flush * 20 + i));
      await broadcaster.flush();
    }
    for (const client of [compressed, uncompressed]) await client.until(() => dataOf(client).length === 200);
    expect(dataOf(compressed)).toEqual(dataOf(uncompressed));
    expect(compressed.bytes).toBeGreaterThan(0);
    expect(compressed.bytes).toBeLessThan(uncompressed.bytes / 4);
  });

  it('that does not get smaller is sent as it is', async () => {
    const { broadcaster, join } = await start({ compression: { threshold: 0 } });
    const client = await join(OFFER);
    const compressions = countCompressions();
    broadcaster.publish('feed', 1);
    await client.until(() => client.frames.length === 1);
    expect(compressions.messages).toBe(1);
    expect(client.frames[0]!.deflated).toBe(false);
    expect(client.texts).toEqual(['{"topic":"feed","offset":1,"data":1}']);
  });

  it('follows the level and the threshold of the options', async () => {
    const bytes = async (level: number, threshold: number): Promise<number> => {
      const { broadcaster, join } = await start({ compression: { level, threshold } });
      const client = await join(OFFER, 'fanout.v1.json');
      for (let i = 0; i < 100; i++) broadcaster.publish('feed', ticker(i));
      await client.until(() => dataOf(client).length === 100);
      return client.bytes;
    };
    const [fast, small, none] = [await bytes(1, 512), await bytes(9, 512), await bytes(9, 100_000)];
    expect(small).toBeLessThan(fast);
    expect(fast).toBeLessThan(none / 2);
  });
});

describe('what one client gets', () => {
  it('is not compressed: snapshots, replies and what it missed', async () => {
    const { url, broadcaster } = await start();
    const compressions = countCompressions();
    for (let i = 0; i < 3; i++) broadcaster.publish('feed', LONG);
    const since = (await broadcaster.position('feed')).replace(/\d+$/, '0');
    const clients = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const client = await RawClient.connect(url, 'fanout.v1.json', OFFER);
        expect(client.extensions).toBe(AGREED);
        client.send(
          { event: 'subscribe', data: { topic: 'feed', since } },
          { event: 'echo', id: 2, data: LONG },
        );
        await client.until(() => client.frames.length === 5);
        return client;
      }),
    );
    for (const client of clients) {
      expect(client.frames.map(({ deflated }) => deflated)).toEqual(Array(5).fill(false));
      expect(client.texts.some(text => text.includes('"recovered":true'))).toBe(true);
      expect(client.texts.filter(text => text.includes(LONG))).toHaveLength(5);
    }
    expect(compressions).toEqual({ messages: 0, compressors: 0 });
  });

  it('is not compressed when it is left out of a publication', async () => {
    const { get, broadcaster, join } = await start();
    const [excepted, other] = [await join(OFFER, 'fanout.v1.json'), await join(OFFER, 'fanout.v1.json')];
    const [connection] = get(Connections);
    broadcaster.publish('feed', LONG, { except: connection! });
    broadcaster.publish('feed', LONG);
    await other.until(() => dataOf(other).length === 2);
    await excepted.until(() => excepted.frames.length === 2);
    expect(other.frames.map(({ deflated }) => deflated)).toEqual([true]);
    expect(excepted.frames.map(({ deflated }) => deflated)).toEqual([false, false]);
    const [gap, publication] = excepted.texts.map(text => JSON.parse(text) as { data: unknown });
    expect(gap).toMatchObject({ event: 'gap', data: { from: 1, to: 1, reason: 'except' } });
    expect(publication).toMatchObject({ offset: 2, data: LONG });
  });

  it('is not compressed by ws either, when the application sends through the socket itself', async () => {
    const { join } = await start();
    const client = await join(OFFER);
    const compressions = countCompressions();
    client.send({ event: 'directly' });
    await client.until(() => client.frames.length === 1);
    expect(client.frames[0]!.deflated).toBe(false);
    expect(JSON.parse(client.texts[0]!)).toEqual({ direct: LONG });
    expect(compressions).toEqual({ messages: 0, compressors: 0 });
  });
});

describe('perMessageDeflate of a gateway', () => {
  it('with context takeover is left to ws: publications come uncompressed between its messages', async () => {
    const { url, broadcaster } = await start();
    const client = await Client.connect(`${url}/takeover`, []);
    await client.subscribe('feed');
    const compressions = countCompressions();
    for (let i = 0; i < 5; i++) {
      broadcaster.publish('feed', { i, LONG });
      client.send({ event: 'directly' });
      await client.until(() => client.frames.length === 1 + 2 * (i + 1));
    }
    expect(client.publications('feed').map(({ data }) => data)).toEqual(
      [0, 1, 2, 3, 4].map(i => ({ i, LONG })),
    );
    expect(client.frames.filter(frame => frame.direct === LONG)).toHaveLength(5);
    // The compressor of ws, which proves that its messages depend on each other.
    expect(compressions).toEqual({ messages: 0, compressors: 1 });
  });

  it('of false agrees to nothing on its path', async () => {
    const { broadcaster, join } = await start();
    const [off, on] = [await join(OFFER, undefined, '/off'), await join(OFFER)];
    expect([off.extensions, on.extensions]).toEqual(['', AGREED]);
    broadcaster.publish('feed', LONG);
    for (const client of [off, on]) await client.until(() => client.frames.length === 1);
    expect([off, on].map(client => client.frames[0]!.deflated)).toEqual([false, true]);
  });
});

/** Text that shrinks by a quarter only, and tells from which publication it is. */
function digest(offset: number): string {
  return createHash('shake256', { outputLength: 30_000 }).update(String(offset)).digest('base64');
}

describe('a reader that stalls', () => {
  it('gets every byte of its compressed batches when it reads on, and every slab comes home', async () => {
    const { broadcaster, pool, join } = await start({
      compression: true,
      slowConsumer: { maxBytes: 64 * 1024 * 1024 },
      heartbeat: false,
    });
    const [healthy, stalled, vanishing] = [
      await join(OFFER),
      await join(OFFER, 'fanout.v1.json'),
      await join(OFFER),
    ];
    stalled.socket.pause();
    vanishing.socket.pause();
    // More than the kernel holds for two sockets.
    const count = 450;
    for (let i = 1; i <= count; i++) {
      broadcaster.publish('feed', digest(i));
      if (i % 3 === 0) await healthy.until(() => healthy.frames.length === i);
    }
    expect(pool.stats().inUse).toBeGreaterThan(0);
    vanishing.socket.destroy();
    stalled.socket.resume();
    await stalled.until(() => stalled.frames.length === count);
    expect(healthy.frames.every(({ deflated }) => deflated)).toBe(true);
    // What it catches up with from the log is not compressed.
    expect(stalled.frames[0]!.deflated).toBe(true);
    for (const client of [healthy, stalled]) {
      expect(dataOf(client).every((data, i) => data === digest(i + 1))).toBe(true);
    }
    await eventually(() => pool.stats().inUse === 0, 'the slabs');
  });
});

describe('a compressed message of a client', () => {
  it('is handled like any other, from a raw socket and from ws', async () => {
    const { url } = await start();
    const raw = await RawClient.connect(url, undefined, OFFER);
    raw.socket.write(maskedDeflatedText(JSON.stringify({ event: 'echo', id: 1, data: LONG })));
    raw.send({ event: 'echo', id: 2, data: 'ä' });
    raw.socket.write(maskedDeflatedText(JSON.stringify({ event: 'echo', id: 3, data: 'ß' })));
    await raw.until(() => raw.frames.length === 3);
    expect(raw.texts.map(text => JSON.parse(text))).toEqual([
      { event: 'echo', id: 1, data: LONG },
      { event: 'echo', id: 2, data: 'ä' },
      { event: 'echo', id: 3, data: 'ß' },
    ]);
    const client = await Client.connect(url, [], { perMessageDeflate: { threshold: 0 } });
    for (const data of ['one', 'two']) expect((await client.request('echo', data)).data).toBe(data);
  });
});
