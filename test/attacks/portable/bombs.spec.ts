import { constants, deflateRawSync } from 'node:zlib';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Connections, type FanoutOptions } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { masked, maskedDeflatedText, maskedText, RawClient } from '../../support/raw-client.js';

const OFFER = 'permessage-deflate; client_max_window_bits';
const MIB = 1024 * 1024;

@WebSocketGateway()
class Gateway {
  handled = 0;
  readonly waiting: (() => void)[] = [];

  handleConnection(_: WebSocket, request: { url: string }): Promise<void> | undefined {
    if (!request.url.includes('waits')) return undefined;
    return new Promise(resolve => this.waiting.push(resolve));
  }

  /** Lets every `handleConnection` end. */
  ready(): void {
    for (const resolve of this.waiting.splice(0)) resolve();
  }

  @SubscribeMessage('work')
  work(@MessageBody() data: string): number {
    this.handled++;
    return data.length;
  }
}

/** How much they may send is not what these are about. */
const UNLIMITED = { messagesPerSecond: 0, bytesPerSecond: 0 };

async function start(options: FanoutOptions = {}) {
  const { url, get } = await startApp({ providers: [Gateway], options: { compression: true, ...options } });
  const connect = (path: string): Promise<RawClient> => RawClient.connect(url + path, undefined, OFFER);
  return { url, connect, gateway: get(Gateway), connections: get(Connections) };
}

/** A message that inflates to `bytes` bytes, of a thousandth of that. */
function bomb(bytes: number): Buffer {
  return maskedDeflatedText(message(bytes));
}

function message(bytes: number): string {
  const empty = JSON.stringify({ event: 'work', data: '' });
  return empty.replace('""', `"${'0'.repeat(bytes - empty.length)}"`);
}

describe.each([
  ['of a connection that is ready', '/'],
  ['while handleConnection is pending', '/?waits'],
])('a compression bomb %s', (_, path) => {
  it('is closed with 1009 when it inflates above limits.payload, and not at it', async () => {
    const { connect, gateway, connections } = await start({ limits: { payload: 10_000 } });
    const client = await connect(path);
    client.socket.write(bomb(10_000));
    await eventually(() => connections.size === 1, 'the connection');
    gateway.ready();
    await client.until(() => client.texts.length === 1);
    const other = await connect(path);
    other.socket.write(bomb(10_001));
    await other.until(() => other.close !== undefined);
    expect(other.close!.code).toBe(1009);
    other.socket.end();
    gateway.ready();
    await eventually(() => connections.size === 1, 'the end');
    expect(gateway.handled).toBe(1);
  });

  it('of 64 MiB inflates to little more than the limit, in one frame or in many', async () => {
    const { connect, gateway } = await start({ limits: { fragments: 1000 } });
    const zeroes = deflateRawSync(Buffer.alloc(64 * MIB), { finishFlush: constants.Z_SYNC_FLUSH });
    expect(zeroes.length).toBeLessThan(65_536);
    const [whole, cut] = [await connect(path), await connect(path)];
    const before = process.memoryUsage().rss;
    whole.socket.write(masked(0xc1, zeroes));
    // The first fragment says that the message is deflated; no fragment alone is large.
    for (let fragment = 0; fragment < 16; fragment++) {
      cut.socket.write(
        masked(fragment === 0 ? 0x41 : 0x00, zeroes.subarray(fragment * 4000, (fragment + 1) * 4000)),
      );
    }
    for (const client of [whole, cut]) {
      await client.until(() => client.close !== undefined);
      expect(client.close!.code).toBe(1009);
    }
    expect(process.memoryUsage().rss - before).toBeLessThan(48 * MIB);
    gateway.ready();
    expect(gateway.handled).toBe(0);
  });
});

it('a deflated message that is no deflate stream is closed with 1007, and one that nobody agreed to with 1002', async () => {
  const { url, connect } = await start();
  const client = await connect('/');
  client.socket.write(masked(0xc1, Buffer.from('no deflate stream at all')));
  await client.until(() => client.close !== undefined);
  expect(client.close!.code).toBe(1007);
  const without = await RawClient.connect(url);
  without.socket.write(maskedDeflatedText('{"event":"ping"}'));
  await without.until(() => without.close !== undefined);
  expect(without.close!.code).toBe(1002);
});

describe('many messages that each inflate to the limit, while handleConnection is pending', () => {
  const COUNT = 400;
  const SIZE = 65_000;

  // Over TLS a chunk is a record of 16 KiB, and the pause comes after the first.
  it.skipIf(process.env.FANOUT_TLS)('are handled up to what may wait, and the others refused', async () => {
    const { connect, gateway } = await start({ limits: UNLIMITED });
    const client = await connect('/?waits');
    const bytes = Buffer.concat(Array<Buffer>(COUNT).fill(bomb(SIZE)));
    // One chunk of the socket: no pause can come between them.
    expect(bytes.length).toBeLessThan(65_536);
    client.socket.write(bytes);
    const refused = (): number => client.texts.filter(text => text.includes('"RATE_LIMITED"')).length;
    const room = 17 * 65_536 + 256 * 1024;
    await client.until(() => refused() === COUNT - Math.floor(room / SIZE));
    gateway.ready();
    await client.until(() => client.texts.length === COUNT);
    expect(gateway.handled).toBe(21);
    expect(refused()).toBe(379);
  });

  it('are all handled when they come uncompressed: what may not wait is not read', async () => {
    const { connect, gateway } = await start({ limits: UNLIMITED });
    const client = await connect('/?waits');
    for (let i = 0; i < COUNT; i++) client.socket.write(maskedText(message(SIZE)));
    await eventually(() => gateway.waiting.length === 1, 'the hook');
    gateway.ready();
    await client.until(() => client.texts.length === COUNT);
    expect(gateway.handled).toBe(COUNT);
  });

  it('are handled after others that waited, once there is room again', async () => {
    const { url, gateway } = await start({ limits: UNLIMITED });
    const client = await Client.connect(`${url}/?waits`, [], { perMessageDeflate: { threshold: 0 } });
    for (let i = 0; i < 10; i++) client.send(message(SIZE));
    await eventually(() => gateway.waiting.length === 1, 'the hook');
    gateway.ready();
    await client.until(() => client.frames.length === 10);
    for (let i = 0; i < 100; i++) {
      client.send(message(SIZE));
      await client.until(() => client.frames.length === 11 + i);
    }
    expect(gateway.handled).toBe(110);
  });
});
