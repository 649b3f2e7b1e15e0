import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CLOSE } from 'nestjs-fanout';
import { masked, maskedDeflatedText, maskedText, RawClient } from '../support/raw-client.js';
import { eventually } from '../support/client.js';
import { unfinished } from '../support/attacks/fragments.js';
import { type ChildServer, type ChildSetup, startChild } from '../support/attacks/child-server.js';

// Scaled down from the thousand connections of the attack table, so that the suite stays small: what counts is what one
// connection costs. The servers run in processes of their own, so that what the attackers hold is not counted.

const KIB = 1024;
const MIB = 1024 * KIB;
const PONG = 10;

const PING = 0x89;

/** What each peer pins on a server while `attack` lasts, in bytes. */
async function pinned(server: ChildServer, peers: number, attack: (client: RawClient) => Promise<void>) {
  const clients: RawClient[] = [];
  await warmUp(server);
  const before = await server.held();
  for (let i = 0; i < peers; i++) {
    const client = await RawClient.connect(server.url);
    client.socket.setNoDelay(true);
    clients.push(client);
    await attack(client);
  }
  const after = await server.held();
  return {
    clients,
    bytes: (after.bytes - before.bytes) / peers,
    arrayBuffers: (after.arrayBuffers - before.arrayBuffers) / peers,
  };
}

/** The first client makes a server compile and keep what all others use too. */
async function warmUp({ url }: ChildServer): Promise<void> {
  for (let i = 0; i < 10; i++) {
    const client = await RawClient.connect(url);
    client.socket.write(masked(PING, Buffer.alloc(125)));
    client.send({ event: 'warm-up' });
    await client.until(() => pongs(client) === 1);
    client.socket.destroy();
  }
}

/** Waits until the server has taken all that was sent: it answers a ping behind it, or has closed. */
async function taken(client: RawClient): Promise<void> {
  const before = pongs(client);
  client.socket.write(masked(PING, Buffer.alloc(0)));
  await client.until(() => client.close !== undefined || pongs(client) > before);
}

const pongs = ({ frames }: RawClient): number => frames.filter(({ opcode }) => opcode === PONG).length;

describe('A7, A8 many tiny fragments of a message that never ends', () => {
  const flood = unfinished(16_000);
  const attack = (client: RawClient): Promise<void> => {
    client.socket.write(flood);
    return taken(client);
  };

  it('control: WsAdapter keeps every fragment, and nothing closes', async () => {
    const { clients, bytes } = await pinned(await startChild({ kind: 'plain' }), 20, attack);
    expect(bytes).toBeGreaterThan(512 * KIB);
    expect(clients.every(({ close }) => close === undefined)).toBe(true);
  });

  it('closes with 1008, and keeps nothing', async () => {
    const { clients, bytes } = await pinned(await startChild({ kind: 'fanout' }), 100, attack);
    expect(clients.map(({ close }) => close?.code)).toEqual(clients.map(() => 1008));
    expect(bytes).toBeLessThan(32 * KIB);
  });

  it('stays small below the limit', async () => {
    const server = await startChild({ kind: 'fanout' });
    const { clients, bytes } = await pinned(server, 100, client => {
      client.socket.write(unfinished(64));
      return taken(client);
    });
    expect(clients.every(({ close }) => close === undefined)).toBe(true);
    expect(bytes).toBeLessThan(32 * KIB);
  });
});

describe('A9 idle clients that have sent a message of 20 kB', () => {
  const note = maskedText(JSON.stringify({ event: 'note', data: 'x'.repeat(20_000) }));
  const attack = async (client: RawClient): Promise<void> => {
    client.socket.write(note);
    await client.until(() => client.texts.length === 1);
  };

  it('control: WsAdapter keeps the last chunk of each', async () => {
    const { arrayBuffers } = await pinned(await startChild({ kind: 'plain' }), 100, attack);
    expect(arrayBuffers).toBeGreaterThan(10 * KIB);
  });

  it('pin less than a kilobyte each', async () => {
    const { arrayBuffers } = await pinned(await startChild({ kind: 'fanout' }), 200, attack);
    expect(arrayBuffers).toBeLessThan(KIB);
  });
});

describe('A10 pings of a peer that does not read', () => {
  const THOUSAND = Buffer.concat(Array<Buffer>(1000).fill(masked(PING, Buffer.alloc(125))));

  /** 26 MB of pings, of which the kernel keeps a few, and a message behind them. Ends early if the server does. */
  const attack = async (client: RawClient): Promise<void> => {
    const { socket } = client;
    socket.pause();
    const over = new Promise(resolve => socket.once('close', resolve));
    for (let i = 0; i < 200 && !socket.destroyed; i++) {
      if (!socket.write(THOUSAND)) await Promise.race([once(socket, 'drain').catch(() => {}), over]);
    }
    socket.write(maskedText('{"event":"note"}'));
  };

  it('control: WsAdapter queues a pong for each of them', async () => {
    const server = await startChild({ kind: 'plain' });
    expect(server.ws).toBe('8.22.0');
    const client = await RawClient.connect(server.url);
    await attack(client);
    await until(async () => (await server.seen()).count === 1);
    expect(client.socket.destroyed).toBe(false);
    expect((await server.seen()).queued).toBeGreaterThan(8 * MIB);
  });

  it.each([
    ['ws as installed', false],
    ['ws 8.22.0 resolved', true],
  ])('ends the connection before it costs a megabyte, with %s', async (_, oldWs) => {
    const server = await startChild({ kind: 'fanout', oldWs });
    expect(server.ws === '8.22.0').toBe(oldWs);
    const client = await RawClient.connect(server.url);
    await attack(client);
    client.socket.resume();
    await eventually(() => client.socket.destroyed || client.close !== undefined, 'the end');
    expect([undefined, CLOSE.PING_FLOOD]).toContainEqual(client.close);
    const { count, queued } = await server.seen();
    expect(queued).toBeLessThan(MIB);
    expect(count).toBe(0);
  });
});

describe('A11 a message of 16 KiB that inflates to 16 MiB', () => {
  const bomb = maskedDeflatedText(JSON.stringify({ event: 'note', data: '0'.repeat(16 * MIB) }));
  const attack = async (setup: ChildSetup): Promise<{ server: ChildServer; client: RawClient }> => {
    const server = await startChild(setup);
    const client = await RawClient.connect(server.url, undefined, 'permessage-deflate');
    expect(client.extensions).toMatch('permessage-deflate');
    client.socket.write(bomb);
    await client.until(() => client.close !== undefined || client.texts.length > 0);
    return { server, client };
  };

  it('control: WsAdapter takes it', async () => {
    expect(bomb.length).toBeLessThan(32 * KIB);
    const { server } = await attack({ kind: 'plain', gateway: { perMessageDeflate: true } });
    expect(await server.seen()).toMatchObject({ count: 1, longest: 16 * MIB });
  });

  it('is closed with 1009, and nothing is handled', async () => {
    const { server, client } = await attack({ kind: 'fanout', options: { compression: true } });
    expect(client.close?.code).toBe(1009);
    expect((await server.seen()).count).toBe(0);
  });
});

/** Asks the server again and again. */
async function until(holds: () => Promise<boolean>): Promise<void> {
  let held = false;
  const ask = async (): Promise<void> => {
    held = await holds();
    if (!held) setTimeout(ask, 20);
  };
  void ask();
  await eventually(() => held);
}
