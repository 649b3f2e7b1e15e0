import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Heartbeat, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { certificate } from '../../support/certificate.js';
import { Client } from '../../support/client.js';
import { slowLine } from '../../support/slow-line.js';

/** Three times what the line passes on within the timeout. The systems keep a tenth of it. */
const LARGE = 'x'.repeat(3_000_000);
const RATE = 1_000_000;

@Heartbeat({ interval: 300, timeout: 1000 })
@WebSocketGateway({ path: '/line' })
class LineGateway {
  readonly ended: unknown[] = [];

  @Topic('news')
  news(): void {}

  @Topic('large')
  snapshot(): string {
    return LARGE;
  }

  @SubscribeMessage('large')
  reply(): string {
    return LARGE;
  }

  handleDisconnect(_: WebSocket, close: unknown): void {
    this.ended.push(close);
  }
}

async function start(transport: string) {
  const { url, get } = await startApp({
    providers: [LineGateway],
    options: { slowConsumer: { maxBytes: 8_000_000 } },
    nest: transport === 'wss' ? { httpsOptions: certificate() } : {},
  });
  const line = await slowLine(url, RATE);
  return { url: `${line}/line`, gateway: get(LineGateway), broadcaster: get(Broadcaster) };
}

type Running = Awaited<ReturnType<typeof start>>;

/** What the server sends much in answer to, or on its own. */
const WAYS: [string, (client: Client, running: Running) => Promise<unknown>][] = [
  ['a reply', async client => client.send({ event: 'large' })],
  ['a snapshot', async client => client.send({ event: 'subscribe', id: 1, data: { topic: 'large' } })],
  [
    'a publication',
    async (client, { broadcaster }) => {
      await client.subscribe('news');
      broadcaster.publish('news', LARGE);
    },
  ],
];

describe.each([
  ['ws', WAYS],
  ['wss', WAYS.slice(0, 1)],
])('a heartbeat over a slow line and %s', (transport, ways) => {
  it.each(ways)('does not end a client that needs longer than the timeout to read %s', async (_, ask) => {
    const running = await start(transport);
    const client = await Client.connect(running.url);
    const whole = new Promise(resolve => {
      client.socket.on('message', data => {
        if (String(data).length > LARGE.length) resolve('whole');
      });
    });
    await ask(client, running);
    expect(await Promise.race([whole, client.closed])).toBe('whole');
    expect(running.gateway.ended).toEqual([]);
  });
});
