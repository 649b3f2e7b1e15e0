import { WebSocketGateway } from '@nestjs/websockets';
import { type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { account, offsetOf } from '../../support/account.js';
import { startDelivery } from '../../support/delivery.js';

const TTL = 150;

@WebSocketGateway()
class Gateway {
  @Topic('plain.:id')
  plain(): void {}

  @Topic('sized.:id', { history: { size: 5 } })
  sized(): void {}

  @Topic('bytes.:id', { history: { size: 1000, bytes: 1024 } })
  bytes(): void {}

  @Topic('brief.:id', { history: { size: 1000, ttl: TTL } })
  brief(): string {
    return 'state';
  }

  @Topic('long.:id', { history: 2000 })
  long(): string {
    return 'state';
  }
}

async function start(options: FanoutOptions = {}) {
  const running = await startDelivery([Gateway], options);
  const { broadcaster } = running;
  return {
    ...running,
    /** Publishes the numbers up to `count`, which the offsets of a new topic are too. */
    publish(topic: string, count: number): void {
      for (let n = 1; n <= count; n++) broadcaster.publish(topic, n);
    },
    /** What is remembered. */
    remembered: async (topic: string): Promise<unknown[]> =>
      (await broadcaster.history(topic)).publications.map(({ data }) => data),
  };
}

const epochOf = (position: string): string => position.slice(0, position.lastIndexOf(':'));

describe('history', () => {
  it('is bounded by its size', async () => {
    const { publish, remembered } = await start();
    publish('sized.a', 4);
    expect(await remembered('sized.a')).toEqual([1, 2, 3, 4]);
    publish('sized.b', 12);
    expect(await remembered('sized.b')).toEqual([8, 9, 10, 11, 12]);
  });

  it('is bounded by its bytes, but never without the newest that fits', async () => {
    const { broadcaster, remembered } = await start();
    const text = (letter: string): string => letter.repeat(398);
    for (const letter of 'abcd') broadcaster.publish('bytes.a', text(letter));
    expect(await remembered('bytes.a')).toEqual([text('c'), text('d')]);
    broadcaster.publish('bytes.a', 'small');
    expect(await remembered('bytes.a')).toEqual([text('c'), text('d'), 'small']);
    broadcaster.publish('bytes.a', 'e'.repeat(2000));
    expect(await remembered('bytes.a')).toEqual([]);
    expect(offsetOf(await broadcaster.position('bytes.a'))).toBe(6);
  });

  it('forgets what is older than its ttl', async () => {
    const { broadcaster, publish, remembered } = await start();
    publish('brief.a', 3);
    expect(await remembered('brief.a')).toEqual([1, 2, 3]);
    const { position, complete } = await broadcaster.history('brief.a');
    expect(complete).toBe(true);
    await eventually(async () => (await remembered('brief.a')).length === 0, 'the end of the history');
    expect((await broadcaster.history('brief.a', position)).publications).toEqual([]);
    expect((await broadcaster.history('brief.a')).complete).toBe(false);
  });

  it('vanishes with its topic when nobody listens', async () => {
    const { broadcaster, core, publish } = await start();
    for (const id of ['a', 'b', 'c']) publish(`brief.${id}`, 2);
    const before = await broadcaster.position('brief.a');
    expect(core.topics.size).toBe(3);
    await eventually(() => core.topics.size === 0, 'the end of the topics');
    expect(core.history.used).toBe(0);
    publish('brief.a', 2);
    expect(epochOf(await broadcaster.position('brief.a'))).not.toBe(epochOf(before));
  });

  it('vanishes without its topic while somebody listens', async () => {
    const { url, broadcaster, core, publish, remembered } = await start();
    const client = await Client.connect(url);
    await client.subscribe('brief.a');
    publish('brief.a', 2);
    publish('brief.b', 2);
    const position = await broadcaster.position('brief.a');
    await eventually(() => core.topics.size === 1, 'the end of the other topic');
    expect(await remembered('brief.a')).toEqual([]);
    await eventually(() => core.history.used === 0, 'the return of its memory');
    expect(await broadcaster.position('brief.a')).toBe(position);
    broadcaster.publish('brief.a', 3);
    await client.until(() => client.publications('brief.a').length === 3);
    expect(account(client.frames, 'brief.a').last).toBe(3);
  });

  it('of very many topics that were used once leaves nothing behind', async () => {
    const { broadcaster, core } = await start();
    const TOPICS = 20_000;
    for (let i = 0; i < TOPICS; i++) {
      broadcaster.publish(`brief.t${i}`, i);
      broadcaster.publish(`plain.t${i}`, i);
    }
    expect(core.topics.size).toBeLessThanOrEqual(TOPICS);
    expect(core.topics.size).toBeGreaterThan(0);
    await eventually(() => core.topics.size === 0, 'the end of the topics');
    expect([core.history.used, core.backlog.used]).toEqual([0, 0]);
  });

  it('of all topics together is bounded: those that were not used for longest go first', async () => {
    const BUDGET = 64 * 1024;
    const { url, broadcaster, core, remembered } = await start({ history: { budget: BUDGET } });
    const client = await Client.connect(url);
    await client.subscribe('long.heard');
    broadcaster.publish('long.heard', 'x'.repeat(1000));
    for (let i = 0; i < 100; i++) {
      broadcaster.publish(`long.t${i}`, 'x'.repeat(1000));
      expect(core.history.used).toBeLessThanOrEqual(BUDGET);
    }
    const topics = await Promise.all(Array.from({ length: 100 }, (_, i) => remembered(`long.t${i}`)));
    const left = topics.map(({ length }) => length);
    const kept = left.filter(length => length > 0).length;
    expect(kept).toBeGreaterThan(20);
    expect(left).toEqual([...Array<number>(100 - kept).fill(0), ...Array<number>(kept).fill(1)]);
    // Somebody is interested in this one.
    expect(await remembered('long.heard')).toHaveLength(1);
    // With nobody left to forget, who publishes gives way.
    for (let i = 0; i < 200; i++) broadcaster.publish('long.heard', 'y'.repeat(1000));
    expect(core.history.used).toBeLessThanOrEqual(BUDGET);
    expect((await remembered('long.heard')).length).toBeGreaterThan(20);
    expect((await remembered('long.heard')).at(-1)).toBe('y'.repeat(1000));
  });
});

describe('a client that comes back', () => {
  it('is answered recovered: false, with the snapshot, when the topic has begun anew', async () => {
    const { url, broadcaster, core, publish } = await start();
    publish('brief.a', 2);
    const since = await broadcaster.position('brief.a');
    await eventually(() => core.topics.size === 0, 'the end of the topic');
    publish('brief.a', 3);
    const client = await Client.connect(url);
    const { data } = await client.subscribe('brief.a', since);
    expect(data).toEqual({
      topic: 'brief.a',
      position: await broadcaster.position('brief.a'),
      recovered: false,
      snapshot: 'state',
    });
    broadcaster.publish('brief.a', 4);
    await client.until(() => client.publications('brief.a').length > 0);
    expect(account(client.frames, 'brief.a').publications).toEqual([
      { topic: 'brief.a', offset: 4, data: 4 },
    ]);
  });

  it('is answered recovered: false by another process', async () => {
    const [one, other] = [await start(), await start()];
    for (const { publish } of [one, other]) publish('long.a', 3);
    const client = await Client.connect(other.url);
    const { data } = await client.subscribe('long.a', await one.broadcaster.position('long.a'));
    expect(data).toMatchObject({ recovered: false, snapshot: 'state' });
    expect(data.position).toBe(await other.broadcaster.position('long.a'));
  });

  it('is answered recovered: false when what it missed is older than the ttl', async () => {
    const { url, broadcaster, publish, remembered } = await start();
    const [staying, leaving] = [await Client.connect(url), await Client.connect(url)];
    await staying.subscribe('brief.a');
    const since = (await leaving.subscribe('brief.a')).data.position as string;
    await leaving.close();
    publish('brief.a', 3);
    await eventually(async () => (await remembered('brief.a')).length === 0, 'the end of the history');
    const back = await Client.connect(url);
    expect((await back.subscribe('brief.a', since)).data).toMatchObject({ recovered: false });
    // Who has seen it all misses nothing.
    const other = await Client.connect(url);
    expect((await other.subscribe('brief.a', await broadcaster.position('brief.a'))).data.recovered).toBe(
      true,
    );
  });
});

it('when hundreds come back at once each gets what it missed, and each history is read once', async () => {
  const { url, broadcaster, core } = await start({ limits: { messagesPerSecond: 0 } });
  const [CLIENTS, BEFORE, MEANWHILE] = [300, 1000, 20];
  const publish = (n: number): void =>
    void broadcaster.publish('long.storm', { n, text: 'x'.repeat(n % 300) });
  const positions: string[] = [];
  for (let n = 1; n <= BEFORE; n++) {
    publish(n);
    positions.push(await broadcaster.position('long.storm'));
  }
  await broadcaster.flush();
  const formats = [[], ['fanout.v1.json']];
  const clients = await Promise.all(
    Array.from({ length: CLIENTS }, (_, i) => Client.connect(url, formats[i % 2])),
  );
  const before = core.segments.encoded;
  const answers = Promise.all(
    clients.map((client, i) => client.subscribe('long.storm', positions[(i * 7) % BEFORE])),
  );
  for (let n = 1; n <= MEANWHILE; n++) {
    await clients[n]!.next(frame => frame.event === 'subscribed');
    publish(BEFORE + n);
  }
  expect((await answers).every(({ data }) => data.recovered)).toBe(true);
  await Promise.all(
    clients.map(client => client.until(() => client.frames.at(-1).offset === BEFORE + MEANWHILE)),
  );
  clients.forEach((client, i) => {
    const { publications, gaps } = account(client.frames, 'long.storm');
    const from = (i * 7) % BEFORE;
    expect([gaps, publications.length]).toEqual([[], BEFORE + MEANWHILE - from - 1]);
    expect(publications.every(({ offset, data }) => data.n === offset)).toBe(true);
  });
  // Sixteen stretches of 64, and the last one again whenever it has grown. For each client alone it would be thousands.
  expect(core.segments.encoded - before).toBeLessThanOrEqual(16 + 2 * MEANWHILE);
  expect(core.segments.encoded - before).toBeGreaterThanOrEqual(16);
});
