import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, Connections, Topic } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { eventually } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';

@WebSocketGateway()
class Gateway {
  @Topic('data')
  data(): void {}

  @Topic('noise')
  noise(): void {}
}

// The rule under test: a slab goes home when the socket has let go of it, not when write() has returned. With the release
// right after socket.write() in lib/connection/outbox.ts, or one turn later, readers meet bytes of other publications
// where a frame header belongs.
const ROUNDS = 400;
const MIB = 1024 * 1024;

/** Content that tells from which publication each byte of it is; sizes from a few bytes to more than a slab. */
function payload(topic: string, offset: number): string {
  const size = offset % 97 === 0 ? 80_000 : (offset * 7919) % 12_000;
  return `${topic}-${offset}-`.repeat(Math.ceil(size / 8)).slice(0, size);
}

function expected(topic: string, offset: number): string {
  return `{"topic":"${topic}","offset":${offset},"data":"${payload(topic, offset)}"}`;
}

/** How many frames of a topic were read, after comparing every byte of each with what was published. */
function compared(client: RawClient, topic: string): number {
  const start = `{"topic":"${topic}"`;
  const frames = client.texts.filter(text => text.startsWith(start));
  frames.forEach((text, i) => {
    if (text !== expected(topic, i + 1)) {
      const wanted = expected(topic, i + 1);
      const at = [...text].findIndex((char, index) => char !== wanted[index]);
      throw new Error(
        `frame ${i + 1} differs at ${at}: ${text.slice(at, at + 60)} for ${wanted.slice(at, at + 60)}`,
      );
    }
  });
  return frames.length;
}

/** Every text that is neither an answer nor a publication of `topics`: there must be none. */
function strangers(client: RawClient, ...topics: string[]): string[] {
  const starts = ['{"event":"subscribed"', ...topics.map(topic => `{"topic":"${topic}"`)];
  return client.texts.filter(text => !starts.some(start => text.startsWith(start)));
}

it('every byte reaches every reader as it was published, however slowly it reads, and every slab comes home', async () => {
  const { url, get } = await startApp({
    providers: [Gateway],
    options: { slowConsumer: { maxBytes: 64 * MIB }, heartbeat: false },
  });
  const broadcaster = get(Broadcaster);
  const pool = get(BufferPool);
  const connections = get(Connections);
  const join = async (...topics: string[]): Promise<RawClient> => {
    const client = await RawClient.connect(url);
    for (const topic of topics) await client.subscribe(topic);
    return client;
  };
  const unsent = (): number => Math.max(...[...connections].map(({ bufferedBytes }) => bufferedBytes));

  const healthy = await join('data', 'noise');
  const noiseOnly = await join('noise');
  const paused = await join('data');
  const halfRead = await join('data');
  const dripping = await join('data');
  const vanishing = await join('data');
  const all = [healthy, noiseOnly, paused, halfRead, dripping, vanishing];

  paused.socket.pause();
  const dripped = dripping.drip(() => dripping.frames.length > ROUNDS * 4);
  let data = 0;
  let noise = 0;
  for (let round = 1; round <= ROUNDS; round++) {
    // Stalled readers hold the slabs of `data`; those of `noise` go home at once and are used again.
    for (let i = 0; i < 3; i++) broadcaster.publish('data', payload('data', ++data));
    for (let i = 0; i < round % 5; i++) broadcaster.publish('noise', payload('noise', ++noise));
    const read = data + noise + 2;
    await healthy.until(() => healthy.frames.length === read);
    if (round === 50) await halfRead.until(() => compared(halfRead, 'data') > 50);
    if (round === 50) halfRead.socket.pause();
    if (round === 200) vanishing.socket.pause();
    if (round === 250) vanishing.socket.destroy();
    if (round === 300) halfRead.socket.resume();
    if (round === 350) expect(unsent()).toBeGreaterThan(0);
  }
  paused.socket.resume();
  await Promise.all(
    [healthy, paused, halfRead, dripping].map(async client => {
      const read = data + 1 + (client === healthy ? noise + 1 : 0);
      await client.until(() => client.frames.length === read, 15_000);
    }),
  );
  await noiseOnly.until(() => noiseOnly.frames.length === noise + 1);

  for (const client of [healthy, paused, halfRead, dripping]) expect(compared(client, 'data')).toBe(data);
  for (const client of [healthy, noiseOnly]) expect(compared(client, 'noise')).toBe(noise);
  const had = compared(vanishing, 'data');
  expect(had).toBeGreaterThan(0);
  expect(had).toBeLessThan(data);
  expect(all.flatMap(client => strangers(client, 'data', 'noise'))).toEqual([]);

  // The slabs were used again and again, or nothing was proved.
  const { taken, misses } = pool.stats();
  expect(taken).toBeGreaterThan(ROUNDS);
  expect(taken).toBeGreaterThan(1.5 * misses);
  for (const client of all) client.socket.destroy();
  await eventually(() => connections.size === 0, 'the end of every connection');
  await dripped;
  expect(pool.stats().inUse).toBe(0);
});
