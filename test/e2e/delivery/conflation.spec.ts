import { WebSocketGateway } from '@nestjs/websockets';
import { type Broadcaster, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { offsetOf } from '../../support/account.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { KIB, paused, readOn, turn } from '../../support/slow.js';

interface Quote {
  readonly key: string;
  readonly n: number;
}

const keyOf = ({ key }: Quote): string => key;

@WebSocketGateway()
class Gateway {
  @Topic('plain')
  plain(): void {}

  /** Conflated for slow readers only. */
  @Topic('quotes', { conflate: keyOf })
  quotes(): void {}

  @Topic('quotes.paced', { conflate: keyOf, every: 1 })
  paced(): void {}

  @Topic('quotes.kept', { conflate: keyOf, history: 6 })
  kept(): string {
    return 'state';
  }

  @Topic('quotes.kept.every', { conflate: keyOf, every: 100, history: 6 })
  keptEvery(): string {
    return 'state';
  }

  @Topic('quotes.every', { conflate: keyOf, every: 200 })
  every(): void {}

  @Topic('latest.every', { conflate: true, every: 200 })
  latestEvery(): void {}
}

async function start() {
  return startDelivery([Gateway], { slowConsumer: { maxBytes: 256 * KIB } });
}

/** What came of a topic, as key and number, after checking that the offsets ascend and that nothing was said to be lost. */
function quotesIn(frames: readonly any[], topic: string): string[] {
  const own = frames.filter(frame => frame.topic === topic || frame.data?.topic === topic);
  expect(own.filter(({ event }) => event === 'gap')).toEqual([]);
  const publications = own.filter(frame => frame.topic === topic);
  const offsets = publications.map(({ offset }) => offset as number);
  expect(offsets).toEqual([...new Set(offsets)].toSorted((a, b) => a - b));
  return publications.map(({ data }) => `${data.key}${data.n}`);
}

function publish(broadcaster: Broadcaster, topic: string, ...quotes: string[]): void {
  for (const quote of quotes) broadcaster.publish(topic, { key: quote[0], n: Number(quote.slice(1)) });
}

/** Waits for a quote, which is to be the last one. */
async function got(client: Client, topic: string, quote: string): Promise<string[]> {
  await client.until(() => client.publications(topic).some(({ data }) => `${data.key}${data.n}` === quote));
  return quotesIn(client.frames, topic);
}

describe('a topic with `every`', () => {
  it('sends the newest of each key of what came in one window', async () => {
    const { url, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('quotes.every');
    publish(broadcaster, 'quotes.every', 'a1', 'b1', 'a2', 'c1', 'b2', 'a3');
    expect(await got(client, 'quotes.every', 'a3')).toEqual(['c1', 'b2', 'a3']);
    expect(client.publications('quotes.every').map(({ offset }) => offset)).toEqual([4, 5, 6]);
    // The window is open by now, and these wait for its end.
    publish(broadcaster, 'quotes.every', 'a4', 'b3', 'b4');
    expect(await got(client, 'quotes.every', 'b4')).toEqual(['c1', 'b2', 'a3', 'a4', 'b4']);
  });

  it('sends the newest alone with conflate: true', async () => {
    const { url, broadcaster } = await start();
    const clients = [await Client.connect(url), await Client.connect(url, ['fanout.v1.json'])];
    for (const client of clients) await client.subscribe('latest.every');
    publish(broadcaster, 'latest.every', 'a1', 'b2', 'c3');
    for (const client of clients) expect(await got(client, 'latest.every', 'c3')).toEqual(['c3']);
  });

  it('sends far less than is published over many turns, and the newest in the end', async () => {
    const { url, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('quotes.every');
    for (let n = 1; n <= 100; n++) {
      publish(broadcaster, 'quotes.every', `a${n}`, `b${n}`);
      await turn();
    }
    const quotes = await got(client, 'quotes.every', 'b100');
    expect(quotes.slice(-2)).toEqual(['a100', 'b100']);
    // Two for each window, and a hundred turns are no more than a few of them.
    expect(quotes.length).toBeLessThan(20);
  });

  it('does not repeat what a client has, and leaves out what was published before it came', async () => {
    const { url, broadcaster } = await start();
    const early = await Client.connect(url);
    await early.subscribe('quotes.every');
    publish(broadcaster, 'quotes.every', 'a1', 'b1');
    await got(early, 'quotes.every', 'b1');
    publish(broadcaster, 'quotes.every', 'a2');
    const late = await Client.connect(url);
    const { position } = (await late.subscribe('quotes.every')).data;
    publish(broadcaster, 'quotes.every', 'c1');
    expect(offsetOf(position)).toBe(3);
    expect(await got(late, 'quotes.every', 'c1')).toEqual(['c1']);
    expect(await got(early, 'quotes.every', 'c1')).toEqual(['a1', 'b1', 'a2', 'c1']);
  });
});

it('a topic without `every` sends everything to those who keep up', async () => {
  const { url, broadcaster } = await start();
  const client = await Client.connect(url);
  await client.subscribe('quotes');
  publish(broadcaster, 'quotes', 'a1', 'b1', 'a2', 'a3');
  expect(await got(client, 'quotes', 'a3')).toEqual(['a1', 'b1', 'a2', 'a3']);
});

it('a payload without a key is refused, and nothing is published', async () => {
  const { url, broadcaster } = await start();
  const client = await Client.connect(url);
  await client.subscribe('quotes');
  const position = await broadcaster.position('quotes');
  for (const data of [{}, null, { key: null }])
    expect(() => broadcaster.publish('quotes', data)).toThrow(
      expect.objectContaining({ code: 'FANOUT_CONFLATION_KEY' }),
    );
  expect(await broadcaster.position('quotes')).toBe(position);
  publish(broadcaster, 'quotes', 'a1');
  expect(await got(client, 'quotes', 'a1')).toEqual(['a1']);
});

describe.each([['quotes'], ['quotes.paced']])('a slow reader of %s', topic => {
  /** Publishes `rounds` times a quote of each key, with 32 KiB of text. */
  async function flood(
    broadcaster: Broadcaster,
    keys: string[],
    from: number,
    rounds: number,
  ): Promise<void> {
    for (let n = from; n < from + rounds; n++) {
      for (const key of keys) broadcaster.publish(topic, { key, n, text: 'x'.repeat(32 * KIB) });
      await turn();
    }
  }

  /** Publishes until the reader is behind. Returns the number of rounds. */
  async function untilSlow(broadcaster: Broadcaster): Promise<number> {
    let rounds = 0;
    while (broadcaster.pressure(topic).slow === 0) await flood(broadcaster, ['a', 'b', 'c'], ++rounds, 1);
    return rounds;
  }

  it('gets the newest of each key when it reads on, and nothing of what they replace', async () => {
    const { url, broadcaster, ...rest } = await start();
    const slow = await paused(url, [topic]);
    const before = await untilSlow(broadcaster);
    const READ_LATER = 200;
    await flood(broadcaster, ['a', 'b', 'c'], before + 1, READ_LATER);
    await flood(broadcaster, ['d'], 9999, 1);
    const quotes = quotesIn(await readOn(slow, 9999), topic);
    const last = before + READ_LATER;
    expect(quotes.slice(-4)).toEqual([`a${last}`, `b${last}`, `c${last}`, 'd9999']);
    // What its socket had, and a little that was on the way; of the rest nothing.
    expect(quotes.length).toBeLessThan(3 * before + 12);
    await eventually(() => broadcaster.pressure(topic).slow === 0, 'the end of the catching up');
    await atRest(rest);
  });

  it('is told with a gap when there are more keys than fit into maxBytes', async () => {
    const { url, broadcaster } = await start();
    const slow = await paused(url, [topic]);
    const before = await untilSlow(broadcaster);
    const keys = Array.from({ length: 30 }, (_, i) => `k${i}`);
    await flood(broadcaster, keys, before + 1, 1);
    await flood(broadcaster, ['z'], 9999, 1);
    const messages = await readOn(slow, 9999);
    const gaps = messages.filter(({ event }) => event === 'gap');
    expect(gaps).toEqual([{ event: 'gap', data: expect.objectContaining({ topic, reason: 'slow' }) }]);
    const { from, to } = gaps[0].data;
    const at = messages.indexOf(gaps[0]);
    expect(messages[at - 1].offset).toBe(from - 1);
    // The newest are those that are kept.
    expect(messages.slice(at + 1).map(({ offset }) => offset)).toEqual(
      Array.from({ length: offsetOf(await broadcaster.position(topic)) - to }, (_, i) => to + 1 + i),
    );
    expect(messages.slice(at + 1).length).toBeGreaterThan(4);
  });
});

describe.each([['quotes.kept'], ['quotes.kept.every']])('subscribe with since on %s', topic => {
  /** A client that has seen `a1` and `b1` and then left. Returns where it was. */
  async function seen({ url, broadcaster }: Awaited<ReturnType<typeof start>>): Promise<string> {
    const client = await Client.connect(url);
    await client.subscribe(topic);
    publish(broadcaster, topic, 'a1', 'b1');
    await got(client, topic, 'b1');
    await client.close();
    return await broadcaster.position(topic);
  }

  it('recovers the newest of each key that was missed', async () => {
    const running = await start();
    const { url, broadcaster } = running;
    const since = await seen(running);
    publish(broadcaster, topic, 'a2', 'c1', 'a3', 'c2');
    const back = await Client.connect(url);
    const { data } = await back.subscribe(topic, since);
    expect(data).toMatchObject({ recovered: true, position: since, snapshot: 'state' });
    expect(await got(back, topic, 'c2')).toEqual(['a3', 'c2']);
    publish(broadcaster, topic, 'b2');
    expect(await got(back, topic, 'b2')).toEqual(['a3', 'c2', 'b2']);
  });

  it('is answered recovered: false, and then only with what is newer, beyond the history', async () => {
    const running = await start();
    const { url, broadcaster } = running;
    const since = await seen(running);
    publish(broadcaster, topic, ...Array.from({ length: 20 }, (_, i) => `a${i + 2}`));
    await broadcaster.flush();
    const back = await Client.connect(url);
    const { data } = await back.subscribe(topic, since);
    expect(data).toMatchObject({
      recovered: false,
      position: await broadcaster.position(topic),
      snapshot: 'state',
    });
    publish(broadcaster, topic, 'b2');
    expect(await got(back, topic, 'b2')).toEqual(['b2']);
  });
});
