import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Heartbeat, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { certificate } from '../../support/certificate.js';
import { Client, eventually } from '../../support/client.js';
import { atRest } from '../../support/delivery.js';
import { connectedThrough, startWithLine } from '../../support/lines.js';
import { RawClient } from '../../support/raw-client.js';

/** 900 kB in which no two places look alike. */
const LARGE = Array.from({ length: 150_000 }, (_, i) => String(i).padStart(5, '0'))
  .join(' ')
  .slice(0, 900_000);

/** What the line passes on each time that the client of the clock is pinged: the whole takes 1.5 s at least. */
const BITE = 6000;

class Ends {
  readonly ended: unknown[] = [];

  handleDisconnect(_: WebSocket, close: unknown): void {
    this.ended.push(close);
  }
}

@Heartbeat({ interval: 100, timeout: 400 })
@WebSocketGateway({ path: '/large' })
class LargeGateway extends Ends {
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
}

@Heartbeat({ interval: 100, timeout: 400 })
@WebSocketGateway({ path: '/silent' })
class SilentGateway extends Ends {}

/** Its pings are the clock of the line. */
@Heartbeat({ interval: 10, timeout: 60_000 })
@WebSocketGateway({ path: '/clock' })
class ClockGateway {}

/** A client whose line lets everything pass until it has answered a ping. */
async function start({ nest, options }: { nest: object; options: object }) {
  const gateways = [LargeGateway, SilentGateway, ClockGateway];
  const running = await startWithLine(gateways, { slowConsumer: { lag: 1000 }, ...options }, nest);
  const { line, connections, url, get } = running;
  const through = await connectedThrough(line, connections, to => Client.connect(`${to}/large`));
  await eventually(() => through.connection.lag > 0, 'an answer to a ping');
  through.link.shut();
  const clock = await Client.connect(`${url}/clock`);
  clock.socket.on('ping', () => through.link.pass(BITE));
  return { ...running, ...through, ended: get(LargeGateway).ended, silent: get(SilentGateway).ended };
}

type Running = Awaited<ReturnType<typeof start>>;

/** What the server sends much in answer to, or on its own, and how to tell that it has come. */
const WAYS: [string, (running: Running) => unknown, (frame: any) => unknown][] = [
  ['a reply', ({ client }) => client.send({ event: 'large' }), frame => frame],
  [
    'a snapshot',
    ({ client }) => client.send({ event: 'subscribe', id: 1, data: { topic: 'large' } }),
    ({ data }) => data.snapshot,
  ],
  [
    'a publication',
    ({ client, broadcaster }) => {
      client.send({ event: 'subscribe', id: 1, data: { topic: 'news' } });
      void client.next(({ id }) => id === 1).then(() => broadcaster.publish('news', LARGE));
    },
    ({ topic, data }) => topic && data,
  ],
];

const KINDS = [
  ['ws', { nest: {}, options: {} }, WAYS],
  ['wss', { nest: { httpsOptions: certificate() }, options: {} }, WAYS.slice(1)],
  ['ws with permessage-deflate', { nest: {}, options: { compression: true } }, WAYS.slice(1)],
] as const;

/** Lets clients that say nothing die of it, one after the other. */
async function dieInTurn(url: string, isOver: () => boolean): Promise<void> {
  while (!isOver()) await (await RawClient.connect(`${url}/silent`)).closed;
}

describe.each(KINDS)('a large message over a slow line and %s', (kind, setup, ways) => {
  it.each(ways)('arrives whole, though it takes longer than the heartbeat waits: %s', async (_, ask, of) => {
    const running = await start(setup);
    const { client, link, url, ended, silent } = running;
    const isWhole = (): boolean => client.frames.some(frame => of(frame) === LARGE);
    ask(running);
    await dieInTurn(url, () => isWhole() || ended.length > 0);
    expect(ended).toEqual([]);
    expect(isWhole()).toBe(true);
    expect(silent.length).toBeGreaterThanOrEqual(2);
    expect(link.mostHeld).toBeLessThan(400_000);
    if (kind !== 'wss') expect(link.down.fragments).toBeGreaterThan(2);
    link.open();
    await atRest(running);
  });
});

it('control: without slowConsumer.lag the heartbeat ends who reads it', async () => {
  const running = await start({ nest: {}, options: { slowConsumer: { lag: 0 } } });
  running.client.send({ event: 'large' });
  await eventually(() => running.ended.length > 0, 'the end of the client');
  expect(running.ended).toEqual([CLOSE.HEARTBEAT]);
  expect(running.link.mostHeld).toBeGreaterThan(LARGE.length / 2);
});
