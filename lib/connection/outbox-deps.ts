import type { Counters } from '../observe/counters.js';
import type { Clock } from '../time/clock.js';
import type { HeldBatchesDeps } from './held-batches.js';
import type { TransportKind } from './transport.js';

/** Owner of an outbox. An object, because a closure would cost 100 bytes for each connection. */
export interface OutboxDeps extends HeldBatchesDeps {
  /** Most bytes that may be unsent. */
  readonly maxUnsentBytes: number;
  /** Milliseconds in which the client reads the bytes under way; Infinity sets no limit. */
  readonly flightTime: number;
  readonly clock: Clock;
  readonly counters: Counters;
  readonly kind: TransportKind;
  /** Returns the bytes after which the client gets its first ping. Called once. */
  firstGrant(): number;
  /** Called instead of a write that would exceed the limit, and when a subscription is too far behind. */
  tooSlow(): void;
  /** Ends the connection at once, because its memory is needed for others. */
  evict(): void;
}
