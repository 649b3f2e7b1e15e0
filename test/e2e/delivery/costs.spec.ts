import { Session } from 'node:inspector/promises';
import { fileURLToPath } from 'node:url';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../support/app.js';
import { RawClient } from '../../support/raw-client.js';

@WebSocketGateway()
class Gateway {
  @Topic('topic.:n')
  topic(): void {}
}

const FLUSHES = 20;
const ROUNDS = 5;

/** Files of the library: as source, or as the installed package. */
const OWN = [fileURLToPath(new URL('../../../lib/', import.meta.url)), '/node_modules/nestjs-fanout/dist/'];

async function start(protocols: readonly (string | undefined)[], options: FanoutOptions = {}) {
  const { url, get } = await startApp({ providers: [Gateway], options: { heartbeat: false, ...options } });
  const clients = await Promise.all(protocols.map(protocol => RawClient.connect(url, protocol)));
  for (const client of clients) client.send({ event: 'subscribe', data: { topics: ['topic.1', 'topic.2'] } });
  for (const client of clients) await client.until(() => client.frames.length === 2);
  const broadcaster = get(Broadcaster);
  await broadcaster.flush();
  return { broadcaster, pool: get(BufferPool), clients };
}

/** Calls of `JSON.stringify` until the test ends. */
function countStringify(): { calls: number } {
  const count = { calls: 0 };
  const { stringify } = JSON;
  JSON.stringify = (...given: any) => {
    count.calls++;
    return (stringify as (...given: unknown[]) => string)(...given);
  };
  onTestFinished(() => void (JSON.stringify = stringify));
  return count;
}

interface Node {
  readonly callFrame: { readonly url: string };
  readonly selfSize: number;
  readonly children: readonly Node[];
}

function ownBytes(node: Node): number {
  const own = OWN.some(folder => node.callFrame.url.includes(folder)) ? node.selfSize : 0;
  return node.children.reduce((sum, child) => sum + ownBytes(child), own);
}

/** Bytes that functions of lib have allocated while `act` ran, garbage included, each allocation sampled. */
async function allocatedBy(act: () => Promise<void>): Promise<number> {
  const session = new Session();
  session.connect();
  try {
    await session.post('HeapProfiler.startSampling', {
      samplingInterval: 1,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as never);
    await act();
    const { profile } = await session.post('HeapProfiler.stopSampling');
    return ownBytes(profile.head);
  } finally {
    session.disconnect();
  }
}

describe('a publication', () => {
  it('is made into JSON once, however many connections, formats and topics of theirs there are', async () => {
    const { broadcaster } = await start([undefined, 'fanout.v1.json', undefined, 'fanout.v1.json']);
    const count = countStringify();
    for (let i = 1; i <= 30; i++) broadcaster.publish('topic.1', { i });
    await broadcaster.flush();
    expect(count.calls).toBe(30);
  });

  it("is made into JSON for nobody only where it is checked: publishing.check 'listeners' does not", async () => {
    for (const [check, calls] of [
      ['development', 1],
      ['listeners', 0],
    ] as const) {
      const { broadcaster } = await start([undefined], { publishing: { check } });
      const count = countStringify();
      broadcaster.publish('topic.3', {});
      expect(count.calls).toBe(calls);
    }
  });
});

describe('a flush', () => {
  it('takes a slab for each topic and format, and one more for each format, with any number of connections and publications', async () => {
    const { broadcaster, pool } = await start([
      ...Array(20).fill(undefined),
      ...Array(20).fill('fanout.v1.json'),
    ]);
    for (let flush = 0; flush < 3; flush++) {
      const before = pool.stats().taken;
      for (let i = 0; i < 50; i++) for (const n of [1, 2]) broadcaster.publish(`topic.${n}`, i);
      await broadcaster.flush();
      // The last ones join the two topics of a connection.
      expect(pool.stats().taken - before).toBe(4 + 2);
    }
    expect(pool.stats()).toMatchObject({ inUse: 0 });
  });

  // A TLS socket takes the bytes later: each has a list of what it still holds.
  it.skipIf(process.env.FANOUT_TLS)('allocates for itself, and nothing for a connection', async () => {
    const flushTo = async (count: number): Promise<number> => {
      const { broadcaster, clients } = await start(Array(count).fill(undefined));
      const flush = async (): Promise<void> => {
        broadcaster.publish('topic.1', 1);
        await broadcaster.flush();
      };
      // What is compiled and sized on the way is not what a flush costs: some before, and some in one round or another.
      for (let i = 0; i < 100; i++) await flush();
      const rounds: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const bytes = await allocatedBy(async () => {
          for (let i = 0; i < FLUSHES; i++) await flush();
        });
        rounds.push(bytes / FLUSHES);
      }
      for (const { socket } of clients) socket.destroy();
      return Math.min(...rounds);
    };
    const [few, many] = [await flushTo(10), await flushTo(310)];
    expect(few).toBeGreaterThan(0);
    expect(many).toBeLessThan(8192);
    // An object has 16 bytes at least, and one for each of the 300 more would be 4800. Reading the clock makes a number
    // once for 16 of them.
    expect(many - few).toBeLessThan(2400);
  });
});
