import type { RejectionCause } from '../observe/rejections.js';
import type { ResolvedFanoutOptions } from '../options/fanout-options.js';
import { RateLimiter } from './rate-limiter.js';

/** Recent use by one client. Kept by its session as a few small integers, because every connection has them. */
export interface Usage {
  /** Time of the last update of the levels, at a message: whole milliseconds of {@link UsageLimits}. */
  usedAt: number;
  /** Levels of buckets, see {@link RateLimiter}. */
  messages: number;
  bytes: number;
  subscribes: number;
  /** Levels of rare messages; undefined until the first. */
  conduct: Conduct | undefined;
}

/** Levels of messages that most clients never send. */
interface Conduct {
  at: number;
  pings: number;
  refusals: number;
  refreshes: number;
}

/**
 * Weight of a pong, as a share of a ping. The server asks for pongs, and those of a socket that was paused for long
 * come all at once. No client needs hundreds a second.
 */
const PONG = 0.02;

/** Refreshes a second, and at once. Each runs the handshake guards and checks every topic again. */
const REFRESHES_PER_SECOND = 1;
const REFRESHES_AT_ONCE = 10;

/** Rates of one client, for everything that has a rate. */
export class UsageLimits {
  readonly #messages: RateLimiter | undefined;
  readonly #bytes: RateLimiter | undefined;
  readonly #subscribes: RateLimiter | undefined;
  readonly #pings: RateLimiter | undefined;
  readonly #refusals: RateLimiter | undefined;
  readonly #refreshes = new RateLimiter(REFRESHES_PER_SECOND, REFRESHES_AT_ONCE);
  readonly #now: () => number;
  readonly #epoch: number;

  /** @param now milliseconds of a clock that does not go back */
  constructor({ limits }: Pick<ResolvedFanoutOptions, 'limits'>, now: () => number) {
    const { messagesPerSecond, bytesPerSecond, subscribesPerSecond, pingsPerSecond } = limits;
    this.#messages = limiter(messagesPerSecond, limits.burst);
    this.#bytes = limiter(bytesPerSecond, Math.max(2 * bytesPerSecond, 2 * limits.payload));
    this.#subscribes = limiter(
      subscribesPerSecond,
      Math.max(2 * subscribesPerSecond, 2 * limits.topicsPerConnection),
    );
    this.#pings = limiter(pingsPerSecond, 2 * pingsPerSecond);
    this.#refusals = limiter(limits.rejections / 60, limits.rejections);
    this.#now = now;
    this.#epoch = now();
  }

  /** Counts a message of `bytes`. Returns the exceeded limit instead, if there is one. @param now time of the clock */
  exceededLimit(usage: Usage, bytes: number, now: number): RejectionCause | undefined {
    this.#leak(usage, now);
    const messages = this.#messages === undefined ? 0 : this.#messages.with(usage.messages, 1);
    if (messages === undefined) return 'message-rate';
    usage.messages = messages;
    const sum = this.#bytes === undefined ? 0 : this.#bytes.with(usage.bytes, bytes);
    if (sum === undefined) return 'byte-rate';
    usage.bytes = sum;
    return undefined;
  }

  /** Counts topics that a client asks for. Returns false instead, above the limit. */
  mayAsk(usage: Usage, topics: number): boolean {
    if (this.#subscribes === undefined) return true;
    this.#leak(usage, this.#now());
    const sum = this.#subscribes.with(usage.subscribes, topics);
    if (sum === undefined) return false;
    usage.subscribes = sum;
    return true;
  }

  /** Counts a ping. Returns false instead, above the limit. */
  mayPing(usage: Usage): boolean {
    return this.#addPings(usage, 1);
  }

  /** Counts a pong. Returns false instead, above the limit. */
  mayPong(usage: Usage): boolean {
    return this.#addPings(usage, PONG);
  }

  /** Counts a refused message. Returns false instead, above the limit. */
  mayOffend(usage: Usage): boolean {
    if (this.#refusals === undefined) return true;
    const conduct = this.#conductOf(usage);
    const sum = this.#refusals.with(conduct.refusals, 1);
    if (sum === undefined) return false;
    conduct.refusals = sum;
    return true;
  }

  /** Counts a `refresh`. Returns false instead, above the limit. */
  mayRefresh(usage: Usage): boolean {
    const conduct = this.#conductOf(usage);
    const sum = this.#refreshes.with(conduct.refreshes, 1);
    if (sum === undefined) return false;
    conduct.refreshes = sum;
    return true;
  }

  #addPings(usage: Usage, amount: number): boolean {
    if (this.#pings === undefined) return true;
    const conduct = this.#conductOf(usage);
    const sum = this.#pings.with(conduct.pings, amount);
    if (sum === undefined) return false;
    conduct.pings = sum;
    return true;
  }

  #leak(usage: Usage, now: number): void {
    const at = Math.floor(now - this.#epoch);
    const ms = at - usage.usedAt;
    if (ms === 0) return;
    usage.usedAt = at;
    if (this.#messages !== undefined) usage.messages = this.#messages.leaked(usage.messages, ms);
    if (this.#bytes !== undefined) usage.bytes = this.#bytes.leaked(usage.bytes, ms);
    if (this.#subscribes !== undefined) usage.subscribes = this.#subscribes.leaked(usage.subscribes, ms);
  }

  #conductOf(usage: Usage): Conduct {
    const at = Math.floor(this.#now() - this.#epoch);
    const conduct = (usage.conduct ??= { at, pings: 0, refusals: 0, refreshes: 0 });
    const ms = at - conduct.at;
    conduct.at = at;
    if (this.#pings !== undefined) conduct.pings = this.#pings.leaked(conduct.pings, ms);
    if (this.#refusals !== undefined) conduct.refusals = this.#refusals.leaked(conduct.refusals, ms);
    conduct.refreshes = this.#refreshes.leaked(conduct.refreshes, ms);
    return conduct;
  }
}

function limiter(perSecond: number, burst: number): RateLimiter | undefined {
  return perSecond === 0 ? undefined : new RateLimiter(perSecond, burst);
}
