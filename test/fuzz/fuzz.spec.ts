import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Arena, type ArenaSetup } from './arena.js';
import { attackWith, campaign, type Campaign, readable } from './campaign.js';
import { corpus } from './corpus.js';
import { Memory } from './memory.js';
import type { Script, Step } from './script.js';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const APPLICATION = join(ROOT, 'test/fuzz/dist/test/fuzz/target/app.js');

const FIXED_SEED = 1;

/** Runs of each kind of attack in a round, so few that the memory can be judged after seconds. */
const SHORT = { forMs: 6000, runs: 12 };

/** What attacks must get to. The limits of the load and of what lasts longer are not among it. */
const REACHED = (
  'path request origin unauthorized forbidden guard handshake-time connections-per-ip protocol payload fragments ' +
  'message-time pings message-rate subscribe-rate topics-per-connection message topic denied abuse expired'
).split(' ');

beforeAll(() => {
  const compiler = join(ROOT, 'node_modules/.bin/tsc');
  const { status, stdout } = spawnSync(compiler, ['-p', join(ROOT, 'test/fuzz')], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the application does not compile:\n${stdout}`);
});

describe('a server under attack', () => {
  const arena = new Arena(APPLICATION);
  afterAll(() => arena.close());

  it.each(corpus(join(ROOT, 'test/fuzz/corpus')))('gets over $name', async ({ scripts }) => {
    expect(await arena.attack(scripts)).toEqual([]);
  });

  it('has nothing left of all that', async () => {
    expect(await arena.idle()).toEqual([]);
  });

  it(`gets over ${SHORT.forMs / 1000} seconds of random attacks that are always the same`, async () => {
    await expectNoFailure(arena, { ...SHORT, seed: FIXED_SEED });
  });

  const seed = Date.now() % 2 ** 31;
  it(`gets over ${SHORT.forMs / 1000} seconds of random attacks, seed ${seed}`, async () => {
    await expectNoFailure(arena, { ...SHORT, seed });
  });

  it.each(REACHED)('has refused something for the cause "%s" meanwhile', cause => {
    expect(arena.rejected.get(cause)).toBeGreaterThan(0);
  });
});

/** The judge must see what is wrong: here it is, on purpose. */
describe('the fuzzer', () => {
  const upgrade: Step[] = [{ upgrade: {} }, { wait: 'answer' }];

  it.concurrent('sees an error that nobody listens to', async () => {
    const reset = { steps: [...upgrade, { wait: 5 }, { end: 'rst' }] } satisfies Script;
    expect(await seen('deaf', reset)).toMatch(/uncaught exception.*ECONNRESET/s);
  });

  it.concurrent('sees a rejection that nobody catches', async () => {
    const room = { steps: [{ upgrade: { path: '/rooms/a' } }, { wait: 'answer' }] } satisfies Script;
    expect(await seen('rejecting', room)).toMatch(/unhandled rejection.*nobody catches this/s);
  });

  it.concurrent('sees listeners that are left', async () => {
    expect(await seen('listening', { steps: upgrade })).toMatch(/listeners: \d+ are left/);
  });

  it.concurrent('sees a request that is not answered', async () => {
    const unknown = { steps: [{ upgrade: { path: '/nowhere' } }, { wait: 'answer' }] } satisfies Script;
    expect(await seen('silent', unknown)).toMatch('no answer within');
  });

  it.concurrent('sees a connection that is not ended', async () => {
    expect(await seen('none', { steps: [...upgrade, { end: 'gone' }] })).toMatch('no end of the connection');
  });

  it.concurrent('sees that healthy clients lose something', async () => {
    await withArena({ sabotage: 'lossy' }, async arena => {
      let violations: string[] = [];
      for (let i = 0; i < 200 && violations.length === 0; i++) violations = await arena.idle();
      expect(violations.join()).toMatch(/a healthy client got \d+ at \d+ instead of \d+/);
    });
  });

  it.concurrent('sees memory that grows', async () => {
    await withArena({ sabotage: 'hoarding' }, async arena => {
      const rounds = { seed: 1, forMs: 60_000, rounds: 9, runs: 3, attacks: ['after'] };
      const { failures } = await campaign(arena, rounds);
      expect(failures.map(readable).join()).toMatch('the memory grows');
    });
  });

  it.concurrent('shows a failing case again', async () => {
    await withArena({ sabotage: 'rejecting', settleMs: 300 }, async arena => {
      const failure = (await attackWith(arena, { attack: 'before', seed: 1, runs: 200, shrinkMs: 1000 }))!;
      const { attack, seed, path } = failure;
      const again = (await attackWith(arena, { attack, seed, path, runs: 1 }))!;
      expect(again.scripts).toEqual(failure.scripts);
      expect(again.violations.join()).toMatch('nobody catches this');
      expect(readable(failure)).toMatch(`--attack before --seed 1 --path ${path}`);
    });
  });

  it('does not take the noise of an allocator for growth', () => {
    const memory = new Memory();
    for (let i = 0; i < 30; i++) memory.add({ kept: 2 ** 24 + (i % 3) * 2 ** 19 + Math.min(i, 5) * 2 ** 20 });
    expect(memory.growth()).toBeUndefined();
  });
});

/** What the judge says of one script against a server that is broken in this way. */
function seen(sabotage: string, script: Script): Promise<string> {
  return withArena({ sabotage, settleMs: 300 }, async arena => (await arena.attack([script])).join());
}

async function withArena<T>(setup: ArenaSetup, act: (arena: Arena) => Promise<T>): Promise<T> {
  const arena = new Arena(APPLICATION, setup);
  try {
    return await act(arena);
  } finally {
    await arena.close();
  }
}

async function expectNoFailure(arena: Arena, how: Campaign): Promise<void> {
  const { failures } = await campaign(arena, how);
  if (failures.length > 0) expect.fail(failures.map(readable).join('\n'));
}
