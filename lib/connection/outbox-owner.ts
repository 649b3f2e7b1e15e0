import type { HeldOwner } from './held-batches.js';

/** Whose outbox it is. An object, because a closure would be 100 bytes for each connection. */
export interface OutboxOwner extends HeldOwner {
  /** Bytes that may be unsent. */
  readonly maxUnsentBytes: number;
  /** Called instead of a write that would go over that, and when its subscriptions are too far behind. */
  tooSlow(): void;
  /** What it holds is needed for others: ends it at once. */
  evict(): void;
}
