import { type CanActivate, Injectable, UseGuards } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import type { RawClient } from '../../support/raw-client.js';
import { Flood, KIB, paused, readOn } from '../../support/slow.js';

/** What may be subscribed to, and what the snapshots are. */
@Injectable()
class Desk {
  open = true;
  asked = 0;
  snapshot: () => unknown = () => 'state';
}

@Injectable()
class DeskGuard implements CanActivate {
  constructor(readonly desk: Desk) {}

  canActivate(): boolean {
    this.desk.asked++;
    return this.desk.open;
  }
}

@WebSocketGateway()
class Gateway {
  constructor(readonly desk: Desk) {}

  @Topic('big')
  big(): void {}

  @Topic('other')
  other(): void {}

  @Topic('newest', { slow: 'gap' })
  newest(): void {}

  @Topic('state')
  @UseGuards(DeskGuard)
  state(): unknown {
    return this.desk.snapshot();
  }

  @Topic('newest.state', { slow: 'gap' })
  @UseGuards(DeskGuard)
  newestState(): unknown {
    return this.desk.snapshot();
  }
}

const MAX_BYTES = 512 * KIB;
/** Publications of a flood that are more than `maxBytes`, and less than that. */
const MANY = 40;
const FEW = 12;

async function start() {
  const running = await startDelivery([Gateway, Desk, DeskGuard], { slowConsumer: { maxBytes: MAX_BYTES } });
  return { ...running, desk: running.get(Desk) };
}

/** Every number from 1 on. */
const all = (count: number): number[] => Array.from({ length: count }, (_, i) => i + 1);

const numbersOf = (publications: readonly { data: { n: number } }[]): number[] =>
  publications.map(({ data }) => data.n);

describe.each([[undefined], ['fanout.v1.json']])('a reader that stops and reads on, with %s', protocol => {
  /** It is as far behind as `more` publications, while another one has all of them: nobody has to wait for it. */
  async function startBehind(more: number) {
    const running = await start();
    const healthy = await Client.connect(running.url);
    await healthy.subscribe('big');
    const slow = await paused(running.url, ['big'], protocol);
    const flood = new Flood(running.broadcaster, 'big');
    await flood.untilSlow();
    await flood.publish(more);
    await healthy.until(() => healthy.publications('big').length === flood.count);
    expect(numbersOf(healthy.publications('big'))).toEqual(all(flood.count));
    return { ...running, slow, flood };
  }

  it('gets everything, in order, while it is no further behind than maxBytes', async () => {
    const { slow, flood, ...running } = await startBehind(FEW);
    expect(running.broadcaster.pressure('big').slow).toBe(1);
    const { publications, gaps } = account(await readOn(slow, flood.count), 'big');
    expect(gaps).toEqual([]);
    expect(numbersOf(publications)).toEqual(all(flood.count));
    await atRest(running);
    await flood.publish(3);
    expect(account(await readOn(slow, flood.count), 'big').last).toBe(flood.count);
  });

  it('is told of what is lost, the oldest, when it is further behind, and goes on with what is kept', async () => {
    const { slow, flood, ...running } = await startBehind(MANY);
    const { publications, gaps } = account(await readOn(slow, flood.count), 'big');
    expect(gaps).toEqual([expect.objectContaining({ topic: 'big', reason: 'slow' })]);
    expect(gaps[0]).not.toHaveProperty('snapshot');
    const { from, to } = gaps[0] as { from: number; to: number };
    expect(numbersOf(publications)).toEqual(all(flood.count).filter(n => n < from || n > to));
    // As much as maxBytes allows, and no more.
    const kept = flood.count - to;
    expect(kept * 32 * KIB).toBeLessThanOrEqual(MAX_BYTES);
    expect((kept + 2) * 32.5 * KIB).toBeGreaterThan(MAX_BYTES);
    await atRest(running);
    await flood.publish(3);
    expect(account(await readOn(slow, flood.count), 'big').last).toBe(flood.count);
  });
});

describe('a reader of several topics that stops and reads on', () => {
  it('gets everything of each, also of those that have little', async () => {
    const { url, broadcaster, ...rest } = await start();
    const slow = await paused(url, ['other', 'big']);
    const [flood, trickle] = [new Flood(broadcaster, 'big'), new Flood(broadcaster, 'other')];
    await trickle.publish(1);
    await flood.untilSlow();
    for (let i = 0; i < 5; i++) {
      await flood.publish(2);
      await trickle.publish(1);
    }
    slow.socket.resume();
    const accounts = () => ['big', 'other'].map(topic => account(slow.messages, topic));
    await slow.until(() => slow.frames.length === 2 + flood.count + trickle.count);
    expect(accounts().map(({ last }) => last)).toEqual([flood.count, trickle.count]);
    expect(accounts().flatMap(({ gaps }) => gaps)).toEqual([]);
    await atRest(rest);
  });

  it('is behind on those only whose publications it has not taken', async () => {
    const { url, broadcaster } = await start();
    await paused(url, ['other', 'big']);
    const flood = new Flood(broadcaster, 'big');
    await flood.untilSlow();
    expect(broadcaster.pressure('other').slow).toBe(0);
  });
});

describe("slow: 'gap'", () => {
  it('goes on with the newest when the reader is further behind than maxBytes', async () => {
    const { url, broadcaster, ...rest } = await start();
    const slow = await paused(url, ['newest']);
    const flood = new Flood(broadcaster, 'newest');
    await flood.untilSlow();
    await flood.publish(MANY);
    const lost = flood.count;
    slow.socket.resume();
    await eventually(() => broadcaster.pressure('newest').slow === 0, 'the end of the catching up');
    await flood.publish(2);
    const { publications, gaps } = account(await readOn(slow, flood.count), 'newest');
    expect(gaps).toEqual([expect.objectContaining({ to: lost, reason: 'slow' })]);
    expect(numbersOf(publications)).toEqual([...all(gaps[0].from - 1), lost + 1, lost + 2]);
    await atRest(rest);
  });

  it('catches up while it is not', async () => {
    const { url, broadcaster } = await start();
    const slow = await paused(url, ['newest']);
    const flood = new Flood(broadcaster, 'newest');
    await flood.untilSlow();
    await flood.publish(FEW);
    const { publications, gaps } = account(await readOn(slow, flood.count), 'newest');
    expect(gaps).toEqual([]);
    expect(numbersOf(publications)).toEqual(all(flood.count));
  });
});

describe.each([['state'], ['newest.state']])('a topic with a snapshot: %s', topic => {
  /** A reader that is so far behind that it has lost something. */
  async function startBehind() {
    const running = await start();
    const slow = await paused(running.url, [topic, 'other']);
    const flood = new Flood(running.broadcaster, topic);
    await flood.untilSlow();
    await flood.publish(MANY);
    return { ...running, slow, flood };
  }

  /** Reads on until the gap has come. */
  async function untilGap(slow: RawClient): Promise<void> {
    slow.socket.resume();
    await slow.until(() => slow.frames.at(-1)!.payload.includes('"event":"gap"'));
  }

  it('gives a new one in the gap, and then only what is newer', async () => {
    const { broadcaster, desk, slow, flood, ...rest } = await startBehind();
    desk.snapshot = () => ({ upTo: flood.count });
    const lost = flood.count;
    await untilGap(slow);
    await flood.publish(3);
    const { publications, gaps } = account(await readOn(slow, flood.count), topic);
    expect(gaps).toEqual([expect.objectContaining({ to: lost, reason: 'slow', snapshot: { upTo: lost } })]);
    expect(numbersOf(publications)).toEqual([...all(gaps[0].from - 1), lost + 1, lost + 2, lost + 3]);
    // Once for the subscribe, once for the new snapshot.
    expect(desk.asked).toBe(2);
    expect(broadcaster.pressure(topic).slow).toBe(0);
    await atRest(rest);
  });

  it('delivers what is published while a new one is made, after it', async () => {
    const { desk, slow, flood, ...rest } = await startBehind();
    let finish!: (snapshot: unknown) => void;
    desk.snapshot = () => new Promise(resolve => (finish = resolve));
    const lost = flood.count;
    slow.socket.resume();
    await eventually(() => desk.asked === 2, 'the question for a new snapshot');
    await flood.publish(5);
    finish('new');
    const { publications, gaps } = account(await readOn(slow, flood.count), topic);
    expect(gaps).toEqual([expect.objectContaining({ to: lost, snapshot: 'new' })]);
    expect(numbersOf(publications).slice(-5)).toEqual([1, 2, 3, 4, 5].map(n => lost + n));
    await atRest(rest);
  });

  it('drops one that took so long that its client has subscribed again, and needs another by now', async () => {
    const { desk, slow, flood } = await startBehind();
    const finish: ((snapshot: string) => void)[] = [];
    const later = (): Promise<string> => new Promise(resolve => finish.push(resolve));
    desk.snapshot = later;
    slow.socket.resume();
    await eventually(() => finish.length === 1, 'the question for a new snapshot');
    desk.snapshot = () => 'again';
    slow.send({ event: 'subscribe', id: 'again', data: { topic } });
    await slow.until(() => slow.frames.at(-1)!.payload.includes('"again"'));

    slow.socket.pause();
    await flood.untilSlow();
    await flood.publish(MANY);
    desk.snapshot = later;
    slow.socket.resume();
    await eventually(() => finish.length === 2, 'the question for another one');
    finish[0]!('too late');
    await flood.publish(1);
    finish[1]!('another');
    await flood.publish(1);
    const { gaps } = account(await readOn(slow, flood.count), topic);
    // Of the first loss it was told before the answer to its own subscribe, which had a snapshot.
    expect(gaps).toEqual([
      expect.not.objectContaining({ snapshot: expect.anything() }),
      expect.objectContaining({ reason: 'slow', snapshot: 'another' }),
    ]);
  });

  it('ends the subscription of somebody whom the guards refuse by now', async () => {
    const { broadcaster, desk, slow, flood, ...rest } = await startBehind();
    desk.open = false;
    slow.socket.resume();
    await slow.until(() => slow.frames.at(-1)!.payload.includes('"event":"unsubscribed"'));
    await flood.publish(3);
    broadcaster.publish('other', { n: 'on', text: '' });
    await slow.until(() => slow.frames.at(-1)!.payload.includes('"n":"on"'));

    const { messages } = slow;
    const end = messages.findIndex(({ event }) => event === 'error');
    expect(messages.slice(end)).toEqual([
      { event: 'error', data: expect.objectContaining({ code: 'FORBIDDEN', topic }) },
      { event: 'unsubscribed', data: { topic } },
      { topic: 'other', offset: 1, data: { n: 'on', text: '' } },
    ]);
    expect(account(messages, topic).gaps).toEqual([]);
    const [connection] = rest.connections;
    expect([...connection!.topics]).toEqual(['other']);
    expect(broadcaster.subscribers(topic)).toBe(0);
    await atRest(rest);
  });

  it('asks for none while everything can be had from the log', async () => {
    const { url, broadcaster, desk } = await start();
    const slow = await paused(url, [topic]);
    const flood = new Flood(broadcaster, topic);
    await flood.untilSlow();
    await flood.publish(FEW);
    const { publications, gaps } = account(await readOn(slow, flood.count), topic);
    expect([gaps.length, publications.length, desk.asked]).toEqual([0, flood.count, 1]);
  });
});
