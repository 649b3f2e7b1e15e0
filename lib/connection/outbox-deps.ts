import type { Counters } from '../observe/counters.js';
import type { HeldBatchesDeps } from './held-batches.js';

/** Time of a line, injected so that tests hold it. */
export interface LineClock {
  /** Milliseconds that do not go back. */
  now(): number;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** Whose outbox it is. An object, because a closure would be 100 bytes for each connection. */
export interface OutboxDeps extends HeldBatchesDeps {
  /** Bytes that may be unsent. */
  readonly maxUnsentBytes: number;
  /** Milliseconds in which a client reads what is under way to it; Infinity bounds nothing. */
  readonly flightTime: number;
  readonly clock: LineClock;
  readonly counters: Counters;
  /** Bytes after which the client gets its first ping. Asked once. */
  firstGrant(): number;
  /** Called instead of a write that would go over that, and when its subscriptions are too far behind. */
  tooSlow(): void;
  /** What it holds is needed for others: ends it at once. */
  evict(): void;
}
