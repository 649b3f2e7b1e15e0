import type { Subscription } from './subscription.js';
import type { Topic } from './topic.js';

/**
 * The live subscriptions of a topic that are flushed together: nearly always all of them. On a topic that conflates there
 * are others for clients that asked for fewer publications a second; whoever is in one lane shares its batches.
 */
export class Lane {
  /** In no order. */
  subscriptions: Subscription[] = [];
  /** Offset of the newest publication that a flush hands out or has handed out. */
  flushed: number;
  /** Offset up to which every live subscription has been served. */
  settled: number;
  /** Whether the flush scheduler has it on its list. */
  dirty = false;
  /** Where among the subscriptions the next walk begins: 0 at the head of the list, up to but without 1. */
  place = 0;
  /** Live subscriptions that have left so far: each may have put another one into its place. */
  departures = 0;
  /** Subscriptions that belong to it, those included that are held or behind; not counted in a topic's own lane. */
  members = 0;
  /** When it may be flushed next; for lanes with an interval. */
  dueAt = -Infinity;

  /** @param interval least milliseconds between two flushes, of which each has the newest value of each key; 0 is no limit */
  constructor(
    readonly topic: Topic,
    readonly interval: number,
  ) {
    this.flushed = this.settled = topic.log.head;
  }

  /** Bytes published since the last flush began: whoever it visited before that is still to get them. */
  get pendingBytes(): number {
    return this.topic.log.bytesAfter(this.settled);
  }

  /**
   * Everything published so far is being handed out: a subscription that comes to life from now on catches up with it
   * by itself. Returns the offset of the newest publication.
   */
  handOut(): number {
    return (this.flushed = this.topic.log.head);
  }

  /** Every live subscription has what was published up to `offset`. */
  settle(offset: number, now: number): void {
    this.settled = Math.max(this.settled, offset);
    this.topic.trim(now);
  }

  add(subscription: Subscription): void {
    // V8 makes room for 16 more at the first push, which is 128 bytes for a topic that one client has for itself.
    if (this.subscriptions.length === 0) this.subscriptions = [subscription];
    else this.subscriptions.push(subscription);
    subscription.moveTo(this.subscriptions.length - 1);
  }

  remove(subscription: Subscription): void {
    const last = this.subscriptions.pop()!;
    if (last !== subscription) {
      this.subscriptions[subscription.index] = last;
      last.moveTo(subscription.index);
    }
    subscription.leaveList();
    this.departures++;
  }
}
