import { setTimeout as sleep } from 'node:timers/promises';
import { DIALECTS, HealthyClient } from './healthy-client.js';
import { type Outcome, play } from './player.js';
import type { Script } from './script.js';
import { Target, type TargetSetup } from './target.js';
import type { Census } from './target/census.js';

const SETTLE_MS = 8000;

/** Milliseconds in which healthy clients have what was published. */
const DELIVERY_MS = 4000;

const POLL_MS = 2;

/** What is back to what it was as soon as attackers have gone. */
const AT_ONCE = [
  'connections',
  'heartbeats',
  'handling',
  'subscriptions',
  'unsentBytes',
  'backlogBytes',
  'listeners',
] as const satisfies readonly (keyof Census)[];

/** Topics may be kept for their history, and the socket of one that was refused for a second. */
const WHEN_IDLE = [
  ...AT_ONCE,
  'sockets',
  'topics',
  'buffersInUse',
] as const satisfies readonly (keyof Census)[];

export interface ArenaSetup extends TargetSetup {
  /** Milliseconds in which nothing of attackers is left after they have gone. */
  readonly settleMs?: number;
}

/** The application with healthy clients in it, and the judge of what attackers did to them. */
export class Arena {
  /** What came of the scripts, for the report: by status of the reply, code of the close frame, or neither. */
  readonly outcomes = new Map<string, number>();
  /** What the application has refused, by cause. */
  readonly rejected = new Map<string, number>();
  readonly #script: string;
  readonly #setup: TargetSetup;
  readonly #settleMs: number;
  #target: Target | undefined;
  #healthy: HealthyClient[] = [];
  #baseline: Census | undefined;

  /** @param script the application, compiled */
  constructor(script: string, { settleMs = SETTLE_MS, ...setup }: ArenaSetup = {}) {
    this.#script = script;
    this.#setup = setup;
    this.#settleMs = settleMs;
  }

  get target(): Target {
    return this.#target!;
  }

  /** Starts the application, if it is not there, or not as it was. */
  async open(): Promise<void> {
    if (this.#target !== undefined) return;
    this.#target = await Target.start(this.#script, this.#setup);
    const { url } = this.#target;
    this.#healthy = await Promise.all(DIALECTS.map(dialect => HealthyClient.connect(url, dialect)));
    await sleep(50);
    this.#baseline = await this.#target.state();
  }

  async close(): Promise<void> {
    await this.#countRejected();
    for (const client of this.#healthy) client.leave();
    await this.#target?.stop();
    this.#target = undefined;
  }

  /** Plays the scripts at the same time, and tells what was wrong; after that the application is a new one. */
  async attack(scripts: readonly Script[]): Promise<string[]> {
    await this.open();
    const outcomes = await Promise.all(scripts.map(script => play(script, this.target.address)));
    for (const outcome of outcomes) this.#note(outcome);
    const violations = outcomes.flatMap(outcome => outcome.violations);
    violations.push(...(await this.#judge(AT_ONCE)));
    if (violations.length > 0) await this.close();
    return violations;
  }

  /** What is wrong when nothing happens any more: also what may be kept for a moment must have gone. */
  async idle(): Promise<string[]> {
    await this.open();
    const violations = await this.#judge(WHEN_IDLE);
    await this.#countRejected();
    violations.push(...(await this.#deliveries()));
    if (violations.length > 0) await this.close();
    return violations;
  }

  async #judge(counted: readonly (keyof Census)[]): Promise<string[]> {
    const faults: string[] = [];
    const until = Date.now() + this.#settleMs;
    try {
      for (;;) {
        const state = await this.target.state();
        faults.push(...state.faults);
        const left = counted.filter(name => state[name] > this.#baseline![name]);
        const lost = this.#healthy.flatMap(({ violations }) => violations);
        if (faults.length + lost.length > 0) return [...faults, ...lost];
        if (left.length === 0) return [];
        if (Date.now() > until)
          return left.map(
            name => `${name}: ${state[name]} are left, ${this.#baseline![name]} were there before`,
          );
        await sleep(POLL_MS);
      }
    } catch (error) {
      return [...faults, (error as Error).message];
    }
  }

  async #deliveries(): Promise<string[]> {
    if (this.#target === undefined) return [];
    try {
      const offset = await this.target.newest();
      const got = await Promise.all(this.#healthy.map(client => client.check(offset, DELIVERY_MS)));
      const late = got.filter(ok => !ok).length;
      const violations = this.#healthy.flatMap(client => client.violations);
      if (late > 0) violations.push(`${late} healthy clients were not served within ${DELIVERY_MS} ms`);
      return violations;
    } catch (error) {
      return [(error as Error).message];
    }
  }

  async #countRejected(): Promise<void> {
    const rejected: Record<string, number> = (await this.#target?.rejected().catch(() => undefined)) ?? {};
    for (const [cause, count] of Object.entries(rejected))
      this.rejected.set(cause, Math.max(this.rejected.get(cause) ?? 0, count));
  }

  #note({ status, closeCode }: Outcome): void {
    const key = closeCode === undefined ? `HTTP ${status ?? 'nothing'}` : `close ${closeCode}`;
    this.outcomes.set(key, (this.outcomes.get(key) ?? 0) + 1);
  }
}
