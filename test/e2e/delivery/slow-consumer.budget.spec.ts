import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { type Close, CLOSE, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { RawClient } from '../../support/raw-client.js';
import { Flood, KIB, paused, readOn, turn } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  readonly ended: (Close | undefined)[] = [];

  handleDisconnect(_: WebSocket, close?: Close): void {
    this.ended.push(close);
  }

  /** Topics of one reader each, so that no log is kept for two. */
  @Topic('of.:reader')
  of(): void {}

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return { event: 'echo', data };
  }
}

const BUDGET = 1024 * KIB;

async function start({ maxBytes = 512 * KIB } = {}) {
  const running = await startDelivery([Gateway], {
    // The readers go on one after the other, which may take a busy machine longer than the default of `lag`.
    slowConsumer: { maxBytes, budget: BUDGET, lag: 60_000 },
    limits: { messagesPerSecond: 0, bytesPerSecond: 0 },
  });
  return { ...running, gateway: running.get(Gateway) };
}

type Running = Awaited<ReturnType<typeof start>>;

/** A reader that is behind on a topic of its own. */
async function startSlow({ url, broadcaster }: Running, name: string) {
  const topic = `of.${name}`;
  const client = await paused(url, [topic]);
  const flood = new Flood(broadcaster, topic);
  await flood.untilSlow();
  return { client, flood, topic };
}

describe('slowConsumer.budget', () => {
  it('ends whoever is furthest behind first, and nobody else', async () => {
    const running = await start();
    const { url, broadcaster, gateway } = running;
    const healthy = await Client.connect(url);
    await healthy.subscribe('of.healthy');
    const [a, worst, b] = [
      await startSlow(running, 'a'),
      await startSlow(running, 'worst'),
      await startSlow(running, 'b'),
    ];
    await a.flood.publish(6);
    await b.flood.publish(6);
    expect(gateway.ended).toEqual([]);
    while (broadcaster.subscribers(worst.topic) === 1) await worst.flood.publish(1);

    // At once: nobody waits for a peer that does not read.
    await eventually(() => gateway.ended.length === 1, 'the end of the worst');
    expect(gateway.ended).toEqual([CLOSE.SLOW]);
    expect([a, b].map(({ topic }) => broadcaster.subscribers(topic))).toEqual([1, 1]);
    broadcaster.publish('of.healthy', 1);
    await healthy.until(() => healthy.publications('of.healthy').length === 1);
    for (const { client, flood, topic } of [a, b]) {
      const { gaps, last } = account(await readOn(client, flood.count), topic);
      expect([gaps, last]).toEqual([[], flood.count]);
    }
    await atRest(running);
  });

  it('bounds what all together cost, however many they are and however much is published', async () => {
    const running = await start();
    const { broadcaster, core, gateway } = running;
    const READERS = 6;
    const readers = [];
    for (let i = 0; i < READERS; i++) readers.push(await startSlow(running, `r${i}`));
    let most = 0;
    for (let round = 0; round < 40; round++) {
      for (const { flood } of readers) await flood.publish(1);
      most = Math.max(most, core.backlog.used);
    }
    // What one round adds can be there before the worst has gone.
    expect(most).toBeLessThanOrEqual(BUDGET + READERS * 33 * KIB);
    const left = readers.filter(({ topic }) => broadcaster.subscribers(topic) === 1);
    expect(left.length).toBeGreaterThan(0);
    expect(left.length).toBeLessThan(READERS);
    await eventually(() => gateway.ended.length === READERS - left.length, 'the end of the others');
    expect(new Set(gateway.ended.map(close => close?.code))).toEqual(new Set([CLOSE.SLOW.code]));
    for (const { client, flood, topic } of left)
      expect(account(await readOn(client, flood.count), topic).last).toBe(flood.count);
    await atRest(running);
  });

  it('counts what many have in common once', async () => {
    // The first reader may be far behind when the last one becomes slow.
    const running = await start({ maxBytes: BUDGET });
    const { url, broadcaster, gateway } = running;
    const readers = [];
    for (let i = 0; i < 6; i++) readers.push(await paused(url, ['of.all']));
    const flood = new Flood(broadcaster, 'of.all');
    await flood.untilSlow(readers.length);
    // For each by itself it would be twice the budget.
    await flood.publish(12);
    await turn();
    expect([broadcaster.pressure('of.all').slow, gateway.ended]).toEqual([6, []]);
    for (const reader of readers)
      expect(account(await readOn(reader, flood.count), 'of.all')).toMatchObject({
        gaps: [],
        last: flood.count,
      });
    await atRest(running);
  });

  it('is not used up by those who were behind and have caught up', async () => {
    const running = await start();
    const { broadcaster, gateway } = running;
    for (let i = 0; i < 4; i++) {
      const { client, flood, topic } = await startSlow(running, `r${i}`);
      await flood.publish(12);
      expect(account(await readOn(client, flood.count), topic).last).toBe(flood.count);
      await eventually(() => broadcaster.pressure(topic).slow === 0, 'the end of the catching up');
    }
    await atRest(running);
    expect(gateway.ended).toEqual([]);
  });

  it('ends those who do not read their replies before those who are a little behind', async () => {
    const running = await start();
    const { url, broadcaster, connections, gateway } = running;
    const { client, flood, topic } = await startSlow(running, 'little');
    const hoarders: RawClient[] = [];
    for (let i = 0; i < 3; i++) {
      const hoarder = await RawClient.connect(url);
      hoarder.socket.pause();
      hoarders.push(hoarder);
    }
    // Each has less unsent than maxBytes, together they have more than the budget.
    const theirs = [...connections].slice(1);
    while (gateway.ended.length === 0) {
      theirs.forEach(({ bufferedBytes, socket }, i) => {
        if (socket.readyState === 1 && bufferedBytes < 450 * KIB)
          hoarders[i]!.send({ event: 'echo', data: 'y'.repeat(30 * KIB) });
      });
      await turn();
    }
    expect(gateway.ended).toEqual([CLOSE.SLOW]);
    expect(broadcaster.subscribers(topic)).toBe(1);
    await flood.publish(1);
    expect(account(await readOn(client, flood.count), topic)).toMatchObject({ gaps: [], last: flood.count });
  });
});
