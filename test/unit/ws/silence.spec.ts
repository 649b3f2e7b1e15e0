import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { duplexPair } from 'node:stream';
import { constants, deflateRawSync } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { type WebSocket, WebSocketServer } from 'ws';
import { processClock } from '../../../lib/time/process-clock.js';
import { silence } from '../../../lib/ws/silence.js';
import { masked, maskedDeflatedText, maskedText, RawClient } from '../../support/raw-client.js';
import { HandClock } from '../../support/unit/hand-clock.js';
import { certificate } from '../../support/certificate.js';

/** Bytes that are read of an offender, so that its end is found. */
const DISCARDED = 65_536;

/** More than what the kernel keeps for a socket that nobody reads may be, and far more than is read. */
const FLOOD = Buffer.concat(Array<Buffer>(100_000).fill(maskedText('on and on')));

interface Peer {
  readonly client: RawClient;
  readonly socket: WebSocket;
  readonly transport: Socket;
  readonly heard: string[];
}

/** A `ws` server on a real port that notes what it hears. */
async function start(scheme: 'ws' | 'wss', onMessage: (peer: Peer) => void = () => {}) {
  const web = scheme === 'wss' ? https.createServer(certificate()) : http.createServer();
  const server = new WebSocketServer({ server: web, perMessageDeflate: true });
  onTestFinished(() => {
    for (const socket of server.clients) socket.terminate();
    web.close();
  });
  await new Promise<void>(resolve => web.listen(0, '127.0.0.1', resolve));
  const url = `${scheme}://127.0.0.1:${(web.address() as AddressInfo).port}`;
  return async (extensions?: string): Promise<Peer> => {
    const accepted = once(server, 'connection') as Promise<[WebSocket, { socket: Socket }]>;
    const client = await RawClient.connect(url, undefined, extensions);
    const [socket, request] = await accepted;
    const peer: Peer = { client, socket, transport: request.socket, heard: [] };
    socket.on('error', () => {});
    socket.on('message', data => {
      peer.heard.push(String(data));
      onMessage(peer);
    });
    return peer;
  };
}

/** All that was sent to the server before has been read by now, if it is read at all. */
async function roundTrip({ client, heard }: Peer): Promise<void> {
  client.send('there');
  await vi.waitUntil(() => heard.length > 0);
  heard.length = 0;
}

/** Whether the stream of a socket holds as much as it reads ahead. */
function isFull({ readableLength, readableHighWaterMark }: Socket): boolean {
  return readableLength >= readableHighWaterMark;
}

describe('silence', () => {
  let clock: HandClock;
  beforeEach(() => void (clock = new HandClock()));

  it.each(['plain', 'deflated'])('hears nothing more of what was read, of %s messages', async kind => {
    const connect = await start('ws', ({ socket, transport, heard }) => {
      if (heard.length !== 3) return;
      // Behind the chunk in hand, as it happens while `ws` inflates.
      transport.emit('data', maskedText('behind'));
      silence(socket, transport, processClock);
    });
    const attacker = await connect(kind === 'plain' ? undefined : 'permessage-deflate');
    const frame = (kind === 'plain' ? maskedText : maskedDeflatedText)('again');
    attacker.client.socket.write(Buffer.concat(Array<Buffer>(100).fill(frame)));
    await attacker.client.closed;
    expect(attacker.heard).toEqual(['again', 'again', 'again']);
  });

  it.each(['text', 'binary'])(
    'makes no message of the end of a %s one, which is being inflated',
    async kind => {
      const connect = await start('ws');
      const { socket, transport, heard, client } = await connect('permessage-deflate');
      const errors: Error[] = [];
      socket.on('error', error => errors.push(error));
      const [first, last] = [0xc3, 0xa9].map(byte =>
        deflateRawSync(Buffer.from([byte]), { finishFlush: constants.Z_SYNC_FLUSH }),
      );
      transport.emit('data', masked(kind === 'text' ? 0x41 : 0x42, first!));
      const flushed = once(client.socket, 'data');
      // What comes behind the first part is read when it is inflated.
      transport.emit('data', masked(0x89, Buffer.alloc(0)));
      await flushed;
      transport.emit('data', masked(0x80, last!.subarray(0, -4)));
      silence(socket, transport, processClock);
      await client.closed;
      expect([heard, errors]).toEqual([[], []]);
    },
  );

  it.each(['ws', 'wss'] as const)(
    'reads little of what comes later, and hears nothing, over %s',
    async scheme => {
      const connect = await start(scheme);
      const [attacker, witness] = [await connect(), await connect()];
      silence(attacker.socket, attacker.transport, clock);
      const before = attacker.transport.bytesRead;
      attacker.client.socket.write(FLOOD);
      await vi.waitUntil(() => attacker.transport.bytesRead >= before + DISCARDED);
      for (let i = 0; i < 5; i++) await roundTrip(witness);
      expect(attacker.socket.readyState).toBe(attacker.socket.OPEN);
      expect(attacker.heard).toEqual([]);
      expect(attacker.transport.bytesRead).toBeLessThan(before + 2 * DISCARDED);
      expect(attacker.transport.readableLength).toBe(0);
    },
  );

  it.each(['ws', 'wss'] as const)('finds the end of one that ends, over %s', async scheme => {
    const connect = await start(scheme);
    const { client, socket, transport } = await connect();
    socket.pause();
    silence(socket, transport, clock);
    client.socket.end(maskedText('the last'));
    await once(socket, 'close');
    expect(clock.timers).toBe(0);
  });

  it('finds the end of one that is paused, behind more than ws takes while it inflates', async () => {
    const connect = await start('ws');
    const { client, socket, transport } = await connect('permessage-deflate');
    socket.pause();
    // Two chunks wait, and the end behind them.
    client.socket.write(maskedText('the last but one'));
    await vi.waitUntil(() => transport.readableLength > 0);
    const { bytesRead } = transport;
    client.socket.end(maskedText('the last'));
    await vi.waitUntil(() => transport.bytesRead > bytesRead);
    transport.emit('data', maskedDeflatedText('to be inflated'));
    transport.emit('data', FLOOD.subarray(0, DISCARDED));
    silence(socket, transport, clock);
    await once(socket, 'close');
    expect(clock.timers).toBe(0);
  });

  it('reads little of a stream that is no socket', async () => {
    const [transport, client] = duplexPair();
    const upgrade = Object.assign(new http.IncomingMessage(transport as Socket), {
      method: 'GET',
      headers: {
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
      },
    });
    const socket = await new Promise<WebSocket>(resolve =>
      new WebSocketServer({ noServer: true }).handleUpgrade(upgrade, transport, Buffer.alloc(0), resolve),
    );
    onTestFinished(() => socket.terminate());
    silence(socket, transport as Socket, clock);
    let taken = 0;
    for (let i = 0; i < 100; i++) client.write(FLOOD.subarray(0, DISCARDED), () => taken++);
    for (let i = 0; i < 1000; i++) await new Promise(resolve => setImmediate(resolve));
    expect(taken).toBeGreaterThan(0);
    expect(taken).toBeLessThan(4);
  });

  it.each(['ws', 'wss'] as const)(
    'reads little of what waits, of one that is paused and full, over %s',
    async scheme => {
      const connect = await start(scheme);
      const [attacker, witness] = [await connect(), await connect()];
      attacker.socket.pause();
      attacker.client.socket.write(FLOOD);
      // A stream that has enough stops its handle by itself, and starts it again when it is read.
      await vi.waitUntil(() => isFull(attacker.transport));
      attacker.socket.resume();
      silence(attacker.socket, attacker.transport, clock);
      const before = attacker.transport.bytesRead;
      for (let i = 0; i < 5; i++) await roundTrip(witness);
      expect(attacker.heard).toEqual([]);
      expect(attacker.transport.bytesRead).toBeLessThan(before + 2 * DISCARDED);
      expect(attacker.transport.readableLength).toBe(0);
    },
  );

  it('reads nothing anew of one that holds more than is thrown away', async () => {
    const connect = await start('ws');
    const [attacker, witness] = [await connect(), await connect()];
    attacker.socket.pause();
    attacker.client.socket.write(FLOOD);
    await vi.waitUntil(() => isFull(attacker.transport));
    // As much as the decryption of several reads may leave.
    attacker.transport.unshift(FLOOD.subarray(0, 2 * DISCARDED));
    const before = attacker.transport.bytesRead;
    silence(attacker.socket, attacker.transport, clock);
    for (let i = 0; i < 5; i++) await roundTrip(witness);
    expect(attacker.heard).toEqual([]);
    expect(attacker.transport.bytesRead).toBeLessThan(before + 2 * DISCARDED);
  });

  it('reads little after an error of ws either, which would throw away all that comes', async () => {
    const connect = await start('ws');
    const [attacker, witness] = [await connect(), await connect()];
    attacker.socket.on('error', () => silence(attacker.socket, attacker.transport, clock));
    attacker.client.socket.write(Buffer.from('no frame at all'));
    await attacker.client.until(() => attacker.client.close?.code === 1002);
    const before = attacker.transport.bytesRead;
    attacker.client.socket.write(FLOOD);
    await vi.waitUntil(() => attacker.transport.bytesRead >= before + DISCARDED);
    for (let i = 0; i < 5; i++) await roundTrip(witness);
    expect(attacker.transport.bytesRead).toBeLessThan(before + 2 * DISCARDED);
  });

  it('ends the connection after a second, and not before', async () => {
    const connect = await start('ws');
    const { client, socket, transport } = await connect();
    silence(socket, transport, clock);
    clock.advance(999);
    expect(transport.destroyed).toBe(false);
    clock.advance(1);
    expect(transport.destroyed).toBe(true);
    await client.closed;
  });

  it('leaves no timer for one that has ended', async () => {
    const connect = await start('ws');
    const { socket, transport } = await connect();
    silence(socket, transport, clock);
    expect(clock.timers).toBe(1);
    const closed = once(socket, 'close');
    socket.terminate();
    await closed;
    expect(clock.timers).toBe(0);
  });
});
