import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, CLOSE, type Connection, Connections, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket, WebSocketServer } from 'ws';
import { RawClient } from '../support/raw-client.js';
import { Flood, KIB, paused } from '../support/slow.js';
import { Client } from '../support/client.js';
import { startFanout, startPlain } from '../support/attacks/servers.js';

// Policies, budgets and gaps in full: test/e2e/delivery/slow-consumer*.spec.ts.

const MIB = 1024 * KIB;

@WebSocketGateway()
class Gateway {
  server!: WebSocketServer;

  afterInit(server: WebSocketServer): void {
    this.server = server;
  }

  @Topic('ticker')
  ticker(): void {}
}

/** What an application without backpressure does; its topic is everybody who is connected. */
async function startCareless() {
  const { url, get } = await startPlain({ providers: [Gateway] });
  const { server } = get(Gateway);
  const publish = (data: string): void => {
    for (const socket of server.clients) socket.send(JSON.stringify({ topic: 'ticker', data }));
  };
  return { url, server, publish };
}

/** Sends 32 MiB to everybody. */
async function flood(publish: (data: string) => unknown, healthy: Client, look: () => void): Promise<void> {
  for (let i = 1; i <= 1000; i++) {
    publish('x'.repeat(32 * KIB));
    if (i % 50 === 0) await healthy.until(() => healthy.frames.length >= i);
    look();
  }
}

describe('A12 a client that does not read', () => {
  it('control: WsAdapter queues for it all that an application sends', async () => {
    const { url, server, publish } = await startCareless();
    (await RawClient.connect(url)).socket.pause();
    const [slow] = [...server.clients] as [WebSocket];
    const healthy = await Client.connect(url);
    await flood(publish, healthy, () => {});
    expect(slow.bufferedAmount).toBeGreaterThan(16 * MIB);
    expect(slow.readyState).toBe(slow.OPEN);
  });

  it('costs what slowConsumer allows, and the others lose nothing', async () => {
    const maxBytes = 512 * KIB;
    const { url, get } = await startFanout({
      providers: [Gateway],
      options: { slowConsumer: { maxBytes } },
    });
    await paused(url, ['ticker']);
    const [slow] = get(Connections);
    const healthy = await Client.connect(url);
    await healthy.subscribe('ticker');
    let most = 0;
    await flood(
      data => get(Broadcaster).publish('ticker', data),
      healthy,
      () => (most = Math.max(most, slow!.bufferedBytes)),
    );
    await healthy.until(() => healthy.publications('ticker').length === 1000);
    expect(most).toBeGreaterThan(0);
    // What was in flight when the socket was full, beside what the kernel has: the rest stays in the log, once for all.
    expect(most).toBeLessThan(2 * MIB);
    expect(get(Broadcaster).pressure('ticker').queuedBytes).toBeLessThan(2 * MIB);
  });

  it('is closed when it takes nothing for slowConsumer.grace', async () => {
    const { url, get } = await startFanout({
      providers: [Gateway],
      options: { slowConsumer: { grace: 50 } },
    });
    const slow = await paused(url, ['ticker']);
    const [{ socket }] = [...get(Connections)] as [Connection];
    const healthy = await Client.connect(url);
    const publications = new Flood(get(Broadcaster), 'ticker');
    // It has never answered a ping, so it is waited for before it is given what its kernel takes.
    while (socket.readyState === socket.OPEN) await publications.publish(20);
    slow.socket.resume();
    await slow.until(() => slow.close !== undefined);
    expect(slow.close).toEqual(CLOSE.SLOW);
    expect((await healthy.request('ping')).event).toBe('pong');
  });
});
