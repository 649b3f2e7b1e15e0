import { WebSocketGateway } from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasChromium, launchChromium } from '../../support/chromium.js';
import { heldTime } from '../../support/held-time.js';
import { account } from '../../support/account.js';
import { connectedThrough, firstSlowAnswer, startWithLine, steps } from '../../support/lines.js';
import { KIB } from '../../support/slow.js';
import {
  chromiumIn,
  type Follow,
  type Follower,
  hasPython,
  python,
  undici,
} from '../../support/followers.js';

const TOPICS = ['caught', 'newest', 'keyed'];
const KEYS = ['a', 'b'];

@WebSocketGateway()
class Gateway {
  @Topic('caught')
  caught(): void {}

  @Topic('newest', { slow: 'gap' })
  newest(): void {}

  @Topic('keyed', { conflate: ({ key }: { key: string }) => key })
  keyed(): void {}
}

/** Of the line: 100 kbit/s, in bytes for each step. What is published is four times that. */
const RATE = 1250;

/** What may be under way to a client on such a line. It has the half of `slowConsumer.lag` for it: 31 KiB. */
const MOST_UNDER_WAY = 48 * KIB;

const LARGE = 'large '.repeat(150_000);

const publicationsOf = (frames: any[], topic: string): any[] => frames.filter(frame => frame.topic === topic);

/** Waits until its frames are such. */
async function until(follower: Follower, holds: (frames: any[]) => boolean): Promise<any[]> {
  for (;;) {
    const frames = await follower.frames();
    if (holds(frames)) return frames;
    await new Promise(resolve => setTimeout(resolve, 20));
  }
}

async function start(follow: Follow) {
  const time = heldTime();
  const running = await startWithLine([Gateway]);
  const { line, connections, broadcaster } = running;
  const through = await connectedThrough(line, connections, url => follow(url, TOPICS));
  const { client, link, connection } = through;
  await until(client, frames => frames.length === TOPICS.length);
  await firstSlowAnswer(broadcaster, 'caught', link, time, RATE);
  /** How many times two publications were made on each topic. */
  const load = { count: 0 };
  const publish = (): void => {
    load.count++;
    for (const topic of TOPICS)
      for (const key of KEYS) broadcaster.publish(topic, { key, n: load.count, text: 'x'.repeat(800) });
  };
  return {
    ...through,
    broadcaster,
    connection,
    load,
    publish,
    step: (count: number) => steps(count, time, link, { bytes: RATE, publish }),
    /** Lets the line be as slow as it is, and nothing be published. */
    trickle: (bytes: number) => steps(1, time, link, { bytes, publish: () => {} }),
  };
}

let browser: Browser | undefined;

beforeAll(async () => {
  if (hasChromium) browser = await launchChromium();
});

afterAll(() => browser?.close());

describe.each([
  ['the WebSocket of undici', true, undici],
  ['Chromium', hasChromium, chromiumIn(() => browser!)],
  ['websockets of Python', hasPython, python],
] as const)('%s on a slow line', (_, isThere, follow) => {
  it('gets fresh data, is told of what is lost, and has little under way', async ({ skip }) => {
    skip(!isThere);
    const { client, link, load, publish, step } = await start(follow);
    await step(80);
    expect(link.mostHeld).toBeLessThan(MOST_UNDER_WAY);
    expect(link.down.pings.length).toBeGreaterThan(5);
    link.open();
    publish();
    const frames = await until(client, all => TOPICS.every(topic => newestOf(all, topic) === load.count));
    for (const topic of ['caught', 'newest']) expect(account(frames, topic).gaps.length).toBeGreaterThan(0);
    const keyed = publicationsOf(frames, 'keyed');
    const offsets = keyed.map(({ offset }) => offset);
    expect(offsets).toEqual(offsets.toSorted((a, b) => a - b));
    for (const key of KEYS) expect(keyed.findLast(({ data }) => data.key === key).data.n).toBe(load.count);
    expect(keyed.length).toBeLessThan(load.count);
    expect(await client.isClosed()).toBe(false);
  });

  it('gets a large message whole, in fragments with pings between them', async ({ skip }) => {
    skip(!isThere);
    const { client, link, broadcaster, trickle } = await start(follow);
    const pings = link.down.pings.length;
    broadcaster.publish('caught', { n: 'large', text: LARGE });
    broadcaster.publish('caught', { n: 'last' });
    while (link.passed < LARGE.length) await trickle(8 * RATE);
    link.open();
    const frames = await until(client, all => newestOf(all, 'caught') === 'last');
    expect(publicationsOf(frames, 'caught').at(-2).data.text).toBe(LARGE);
    expect(link.down.fragments).toBeGreaterThan(5);
    expect(link.down.pings.length - pings).toBeGreaterThan(4);
    expect(await client.isClosed()).toBe(false);
  });
});

function newestOf(frames: any[], topic: string): unknown {
  return publicationsOf(frames, topic).at(-1)?.data.n;
}
