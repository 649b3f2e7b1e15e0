import { WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  BufferPool,
  type Connection,
  Connections,
  CurrentConnection,
  Topic,
} from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';

/** 64 KiB, and one frame that does not fit, and 190 answers. A replay is a megabyte. */
const MOST_BYTES = 128 * 1024;

@WebSocketGateway()
class Gateway {
  /** Most bytes that a connection had unsent when it asked for one more replay. */
  most = 0;
  asked = 0;

  @Topic('history', { history: 100 })
  history(@CurrentConnection() { bufferedBytes }: Connection): void {
    this.asked++;
    this.most = Math.max(this.most, bufferedBytes);
  }

  @Topic('room')
  room(): void {}
}

describe('a peer that asks for 95 replays in one chunk and reads nothing', () => {
  it('costs what may be in flight and its answers, and finds every one of them when it reads on', async () => {
    const { url, get } = await startApp({
      providers: [Gateway],
    });
    const broadcaster = get(Broadcaster);
    const since = await broadcaster.position('history');
    for (let i = 0; i < 100; i++) broadcaster.publish('history', 'x'.repeat(10_000));
    await broadcaster.flush();
    expect((await broadcaster.history('history')).publications).toHaveLength(100);
    const epoch = (await broadcaster.position('history')).split(':')[0];
    expect(since.endsWith(':0')).toBe(true);
    const peer = await RawClient.connect(url);
    const [connection] = get(Connections);
    peer.socket.pause();
    const round = [
      { event: 'subscribe', data: { topic: 'history', since: `${epoch}:0` } },
      { event: 'unsubscribe', data: { topic: 'history' } },
    ];
    peer.send(...Array.from({ length: 95 }, () => round).flat());
    await eventually(() => get(Gateway).asked === 95, 'every replay');
    expect(get(Gateway).most).toBeGreaterThan(0);
    expect(Math.max(get(Gateway).most, connection!.bufferedBytes)).toBeLessThan(MOST_BYTES);
    peer.socket.resume();
    await peer.until(
      () => peer.texts.filter(text => text.startsWith('{"event":"unsubscribed"')).length === 95,
    );
    expect(connection!.socket.readyState).toBe(connection!.socket.OPEN);
  });
});

describe('publications of one flush that each leave out another connection', () => {
  it('are encoded once, not once for each connection', async () => {
    const { url, get } = await startApp({ providers: [Gateway] });
    const broadcaster = get(Broadcaster);
    const clients = await Promise.all(Array.from({ length: 20 }, () => Client.connect(url)));
    await Promise.all(clients.map(client => client.subscribe('room')));
    const before = get(BufferPool).stats().taken;
    for (const except of get(Connections)) broadcaster.publish('room', 'x', { except });
    await broadcaster.flush();
    await Promise.all(clients.map(client => client.until(() => client.publications('room').length === 19)));
    expect(get(BufferPool).stats().taken - before).toBeLessThanOrEqual(2);
  });
});
