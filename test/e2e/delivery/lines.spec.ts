import { WebSocketGateway } from '@nestjs/websockets';
import { type Broadcaster, CLOSE, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { type HeldTime, heldTime } from '../../support/held-time.js';
import { account, offsetOf } from '../../support/account.js';
import { atRest } from '../../support/delivery.js';
import { connectedThrough, firstSlowAnswer, startWithLine, steps } from '../../support/lines.js';
import { KIB } from '../../support/slow.js';

/** The keys of a topic that conflates. */
const KEYS = ['a', 'b', 'c', 'd'];

@WebSocketGateway()
class Gateway {
  @Topic('caught')
  caught(): void {}

  @Topic('newest', { slow: 'gap' })
  newest(): void {}

  @Topic('keyed', { conflate: ({ key }: { key: string }) => key })
  keyed(): void {}

  @Topic('strict', { slow: 'disconnect' })
  strict(): void {}

  @Topic('kept', { history: 1000 })
  kept(): void {}
}

/** Of the line: 100 kbit/s, in bytes for each step. */
const RATE = 1250;

/** The default of `slowConsumer.lag`, and what else a publication may take. */
const LAG = 5000;
const LATE = LAG + 2000;

/** What may be under way to a client on such a line. It has the half of LAG for it: 31 KiB. */
const MOST_UNDER_WAY = 48 * KIB;

/** Bytes of one publication. In each step there are four, which is three times what the line passes on. */
const TEXT = 'x'.repeat(KIB);

/** A subscriber behind a line, of which nothing is known. */
async function startUnknown(topic: string, options: FanoutOptions = {}) {
  const time = heldTime();
  const running = await startWithLine([Gateway], options);
  const through = await connectedThrough(running.line, running.connections, url => Client.connect(url));
  const { client, link, connection } = through;
  const ages = agesOf(client, time);
  const answer = await client.subscribe(topic);
  const load = new Load(running.broadcaster, topic, time);
  /** Lag of the connection after each step. */
  const lags: number[] = [];
  return {
    ...running,
    ...through,
    time,
    ages,
    lags,
    load,
    position: answer.data.position as string,
    step: (count: number, bytes: number = RATE) =>
      steps(count, time, link, {
        bytes,
        publish: () => {
          lags.push(connection.lag);
          load.publish();
        },
      }),
  };
}

/** A subscriber that has answered pings through its line, which passes on what a step allows. */
async function start(topic: string) {
  const running = await startUnknown(topic);
  const { link, broadcaster, time } = running;
  await firstSlowAnswer(broadcaster, topic, link, time, RATE);
  running.ages.length = 0;
  return running;
}

/** How old each publication was when it came. */
function agesOf(client: Client, time: HeldTime): number[] {
  const ages: number[] = [];
  client.socket.on('message', data => {
    const { topic, data: item } = JSON.parse(String(data));
    if (topic !== undefined) ages.push(time.now - item.at);
  });
  return ages;
}

class Load {
  count = 0;

  constructor(
    readonly broadcaster: Broadcaster,
    readonly topic: string,
    readonly time: HeldTime,
  ) {}

  publish(): void {
    for (const key of KEYS)
      this.broadcaster.publish(this.topic, { key, n: ++this.count, at: this.time.now, text: TEXT });
  }
}

describe('a client on a line that is too slow for its topic', () => {
  it('is told of what it does not get, and gets nothing that is older than slowConsumer.lag allows', async () => {
    const { client, link, load, ages, step, ...rest } = await start('caught');
    await step(150);
    const { gaps, publications } = account(client.frames, 'caught');
    expect(gaps.length).toBeGreaterThan(2);
    expect(new Set(gaps.map(({ reason }) => reason))).toEqual(new Set(['slow']));
    // What the line has passed on is publications, but for their frames, the gaps and the pings.
    expect(publications.length * KIB).toBeGreaterThan(0.85 * 150 * RATE);
    expect(Math.max(...ages)).toBeLessThan(LATE);
    expect(link.mostHeld).toBeLessThan(MOST_UNDER_WAY);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    link.open();
    await client.until(() => account(client.frames, 'caught').last === load.count + 1);
    await atRest(rest);
  });

  it('has a lag that grows up to slowConsumer.lag, and falls when the line is fast again', async () => {
    const { link, connection, lags, step, time } = await start('caught');
    const { lag } = connection;
    await step(60);
    expect(Math.max(...lags)).toBeGreaterThan(lag + 200);
    expect(Math.max(...lags)).toBeLessThan(LAG);
    link.open();
    await step(1);
    time.pass(100);
    expect(connection.lag).toBeLessThanOrEqual(100);
  });

  it("goes on with the newest under slow: 'gap'", async () => {
    const { client, link, load, ages, step } = await start('newest');
    await step(100);
    const { gaps, publications } = account(client.frames, 'newest');
    expect(gaps.length).toBeGreaterThan(0);
    for (const { to } of gaps) {
      const next = publications.find(({ offset }) => offset > to);
      if (next !== undefined) expect(next.offset).toBe(to + 1);
    }
    expect(Math.max(...ages)).toBeLessThan(LATE);
    expect(link.mostHeld).toBeLessThan(MOST_UNDER_WAY);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
    link.open();
    await client.until(() => account(client.frames, 'newest').last === load.count + 1);
  });

  it('gets the newest of each key on a topic that conflates', async () => {
    const { client, link, load, ages, step } = await start('keyed');
    await step(100);
    expect(Math.max(...ages)).toBeLessThan(LATE);
    expect(link.mostHeld).toBeLessThan(MOST_UNDER_WAY);
    link.open();
    await client.until(() => client.frames.at(-1).offset === load.count + 1);
    const own = client.publications('keyed');
    expect(client.frames.filter(({ event }) => event === 'gap')).toEqual([]);
    expect(own.map(({ offset }) => offset)).toEqual(
      own.map(({ offset }) => offset).toSorted((a, b) => a - b),
    );
    for (const [i, key] of KEYS.entries())
      expect(own.findLast(({ data }) => data.key === key)!.data.n).toBe(load.count - KEYS.length + 1 + i);
    expect(client.socket.readyState).toBe(client.socket.OPEN);
  });

  it("is closed with 4001 under slow: 'disconnect', after whole frames", async () => {
    const { client, link, step, connection } = await start('strict');
    while (connection.socket.readyState === connection.socket.OPEN) await step(1);
    expect(link.mostHeld).toBeLessThan(MOST_UNDER_WAY);
    link.open();
    expect(await client.closed).toEqual(CLOSE.SLOW);
    expect(account(client.frames, 'strict').gaps).toEqual([]);
  });

  it('control: has megabytes under way without slowConsumer.lag', async () => {
    const { client, link, load } = await startUnknown('caught', { slowConsumer: { lag: 0 } });
    link.shut();
    for (let i = 1; i <= 500; i++) {
      load.publish();
      if (i % 20 === 0) await link.settled();
    }
    expect(link.mostHeld).toBeGreaterThan(2_000_000);
    link.open();
    await client.until(() => client.publications('caught').length === load.count);
  });
});

describe('a client that comes back on such a line', () => {
  it('gets all that it missed, however old that is by then', async () => {
    const { line, connections, position, load, step, time } = await start('kept');
    await step(100, 0);
    const { client, link } = await connectedThrough(line, connections, url => Client.connect(url));
    link.shut();
    client.send({ event: 'subscribe', id: 'back', data: { topic: 'kept', since: position } });
    const { count } = load;
    const isBack = (): boolean => client.publications('kept').at(-1)?.offset === count + 1;
    while (!isBack()) await steps(10, time, link, { bytes: RATE, publish: () => {} });
    expect(client.frames[0]).toMatchObject({ id: 'back', data: { position, recovered: true } });
    expect(account(client.frames, 'kept')).toMatchObject({ gaps: [], last: count + 1 });
    expect(offsetOf(position)).toBe(0);
    expect(link.mostHeld).toBeLessThan(64 * KIB);
  });
});

describe('a client behind a line that takes everything', () => {
  it('is closed when it acknowledges nothing for slowConsumer.grace, and not while it acknowledges a little', async () => {
    const slowConsumer = { grace: 400 };
    const running = await startUnknown('caught', { slowConsumer });
    const { line, connections, broadcaster, link, connection, client, time, step } = running;
    await firstSlowAnswer(broadcaster, 'caught', link, time, RATE);
    // One after the other, each of which takes the grace.
    for (let i = 0; i < 3; i++) {
      const frozen = await connectedThrough(line, connections, url => Client.connect(url));
      await frozen.client.subscribe('caught');
      broadcaster.publish('caught', { key: 'a', at: time.now, text: TEXT.repeat(20) });
      await eventually(() => frozen.connection.lag > 0, 'an answer to a ping');
      frozen.link.shut();
      while (frozen.connection.socket.readyState === 1) await step(1);
      expect(frozen.link.held).toBeLessThan(1_000_000);
      frozen.link.open();
      expect(await frozen.client.closed).toEqual(CLOSE.SLOW);
    }
    expect(connection.socket.readyState).toBe(1);
    link.open();
    await eventually(() => client.frames.at(-1)?.data?.n === running.load.count, 'the last publication');
  });
});
