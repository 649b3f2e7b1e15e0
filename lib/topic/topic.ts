import { positionOf } from './position.js';
import { LatestByKey } from './latest-by-key.js';
import type { Subscription } from './subscription.js';
import type { SubscriptionState } from './subscription-states.js';
import { type Beginning, type EntryTerms, TopicLog } from './topic-log.js';
import type { TopicPolicy } from './topic-policy.js';
import type { Retention } from './retention.js';

const NOBODY: ReadonlySet<Subscription> = new Set();
const NOBODY_LISTED: readonly Subscription[] = [];

/** Concrete topic with its log and its subscriptions. A topic exists while it has subscribers or history. */
export class Topic {
  readonly log: TopicLog;
  /** Lane of subscriptions without a rate of their own. */
  readonly lane: Lane;
  /** Other lanes by interval; undefined without any. */
  #lanes: Map<number, Lane> | undefined;
  /** Newest publications by key, on topics that conflate. */
  readonly latest: LatestByKey | undefined;
  #held: Set<Subscription> | undefined;
  #behind: Set<Subscription> | undefined;
  /** Bytes that {@link Retention} has counted for this topic. */
  historyBytes = 0;
  backlogBytes = 0;
  ended = false;
  /** Slot of the registry's expiry in which the topic waits; undefined if the topic waits for no time. */
  expirySlot: number | undefined;

  constructor(
    readonly name: string,
    { epoch, head, usedAt }: Beginning,
    readonly policy: TopicPolicy,
    readonly retention: Retention,
  ) {
    this.log = new TopicLog(epoch, head, usedAt);
    this.lane = new Lane(this, policy.every);
    this.latest = policy.keyOf && new LatestByKey(retention.backlogLimit, head);
  }

  get epoch(): string {
    return this.log.epoch;
  }

  /** Position of the newest publication. */
  get position(): string {
    return positionOf(this.log.epoch, this.log.head);
  }

  /** True if a newer publication replaces the older ones of its key. */
  get conflates(): boolean {
    return this.policy.keyOf !== undefined;
  }

  get lanes(): Iterable<Lane> {
    return this.#lanes === undefined ? [this.lane] : [this.lane, ...this.#lanes.values()];
  }

  /** Subscriptions that wait for their answer, or for a new snapshot. */
  get held(): ReadonlySet<Subscription> {
    return this.#held ?? NOBODY;
  }

  /** Subscriptions that are behind: their socket is busy, or they catch up. */
  get behind(): ReadonlySet<Subscription> {
    return this.#behind ?? NOBODY;
  }

  /** Number of answered subscriptions that get publications. */
  get subscribers(): number {
    let count = this.lane.size + (this.#behind?.size ?? 0);
    if (this.#lanes !== undefined) for (const { size } of this.#lanes.values()) count += size;
    return count;
  }

  /** True if the topic has no subscription in any state. */
  get vacant(): boolean {
    return this.subscribers === 0 && this.held.size === 0;
  }

  /** Iterates over the answered subscriptions. */
  *listeners(): Generator<Subscription, void> {
    for (const { subscriptions } of this.lanes) yield* subscriptions;
    yield* this.behind;
  }

  append(json: string, bytes: number, terms: EntryTerms): void {
    const entry = this.log.append(json, bytes, terms);
    if (this.latest === undefined) return;
    this.latest.set(entry);
    // The interval may be long, and only the newest publications in it are needed.
    if (this.lane.interval > 0 && this.log.bytes > this.retention.backlogLimit) this.trim(terms.at);
  }

  /**
   * Continues after offset `head` of an epoch, because the publications before it will not come. Log and lanes move
   * there, and everything kept is dropped. Cursors do not move: they show which publications each subscription has
   * lost.
   */
  moveTo(epoch: string, head: number): void {
    this.log.moveTo(epoch, head);
    this.latest?.moveTo(head);
    for (const lane of this.lanes) lane.moveTo(head);
  }

  /** Assigns a subscription to the lane with at most one flush in `interval` milliseconds. */
  assign(subscription: Subscription, interval: number): void {
    const lane = this.#laneOf(interval);
    if (lane === subscription.lane) return;
    this.#detach(subscription);
    this.#leaveLane(subscription);
    lane.members++;
    subscription.changeLane(lane);
    if (subscription.live) lane.add(subscription);
    else this.hold(subscription);
  }

  /** Removes a subscription from the flushes, because its client waits for an answer. */
  hold(subscription: Subscription): void {
    this.#move(subscription, 'held');
    (this.#held ??= new Set()).add(subscription);
  }

  /** Removes a subscription from the flushes, because it has lost publications and waits for a new snapshot. */
  renew(subscription: Subscription): void {
    this.#move(subscription, 'renewing');
    (this.#held ??= new Set()).add(subscription);
  }

  /** Removes a subscription from the flushes, because its socket has no room. The log serves it instead. */
  defer(subscription: Subscription): void {
    this.#move(subscription, 'behind');
    (this.#behind ??= new Set()).add(subscription);
  }

  /** Removes a subscription from the flushes, because its client was away. The log serves it instead. */
  replay(subscription: Subscription): void {
    this.#move(subscription, 'returning');
    (this.#behind ??= new Set()).add(subscription);
  }

  /** Adds a subscription to the flushes. From now on each of them hands over the new publications. */
  activate(subscription: Subscription): void {
    this.#move(subscription, 'live');
    subscription.lane.add(subscription);
  }

  /** Ends a subscription. */
  remove(subscription: Subscription): void {
    this.#move(subscription, 'ended');
    this.#leaveLane(subscription);
  }

  /** Drops publications that are no longer needed. */
  trim(now: number): void {
    this.retention.trim(this, now);
  }

  #laneOf(interval: number): Lane {
    if (interval <= this.lane.interval) return this.lane;
    let lane = (this.#lanes ??= new Map<number, Lane>()).get(interval);
    if (lane === undefined) this.#lanes.set(interval, (lane = new Lane(this, interval)));
    return lane;
  }

  #leaveLane({ lane }: Subscription): void {
    if (lane === this.lane || --lane.members > 0) return;
    this.#lanes!.delete(lane.interval);
    if (this.#lanes!.size === 0) this.#lanes = undefined;
  }

  #move(subscription: Subscription, state: SubscriptionState): void {
    subscription.enter(state);
    this.#detach(subscription);
  }

  #detach(subscription: Subscription): void {
    if (subscription.index >= 0) return subscription.lane.remove(subscription);
    if (this.#held?.delete(subscription) && this.#held.size === 0) this.#held = undefined;
    if (this.#behind?.delete(subscription) && this.#behind.size === 0) this.#behind = undefined;
  }
}

/**
 * Live subscriptions of a topic that are flushed together, nearly always all of them. A conflating topic has further
 * lanes for clients with a lower rate. The subscriptions of a lane share its batches.
 */
export class Lane {
  /** A single subscription as it is, because a list would cost 56 bytes more; several of them in no order. */
  #listed: Subscription | Subscription[] | undefined;
  /** Offset of the newest publication handed over by a flush, finished or not. */
  flushed: number;
  /** Offset up to which every live subscription has been served. */
  settled: number;
  /** True if the lane is on the list of the flush scheduler. */
  dirty = false;
  /** Starting point of the next walk among the subscriptions: 0 is the head of the list, below 1. */
  place = 0;
  /** Number of live subscriptions that have left so far. Each may have moved another one to its place. */
  departures = 0;
  /** Number of subscriptions that belong to the lane, with those held or behind; not counted in a topic's own lane. */
  members = 0;
  /** Time of the next possible flush; undefined for a lane without an interval, and before the first flush. */
  dueAt: number | undefined;

  /** @param interval least milliseconds between two flushes, each with the newest value of each key; 0 is no limit */
  constructor(
    readonly topic: Topic,
    readonly interval: number,
  ) {
    this.flushed = this.settled = topic.log.head;
  }

  /** Number of live subscriptions. */
  get size(): number {
    const listed = this.#listed;
    if (listed === undefined) return 0;
    return Array.isArray(listed) ? listed.length : 1;
  }

  /** The live subscription, if there is exactly one. */
  get only(): Subscription | undefined {
    const listed = this.#listed;
    if (!Array.isArray(listed)) return listed;
    return listed.length === 1 ? listed[0] : undefined;
  }

  /** Live subscriptions in no order. A list of several shows later changes. */
  get subscriptions(): readonly Subscription[] {
    const listed = this.#listed;
    if (listed === undefined) return NOBODY_LISTED;
    return Array.isArray(listed) ? listed : [listed];
  }

  /** Bytes published since the last flush began. Subscriptions visited before still need them. */
  get pendingBytes(): number {
    return this.topic.log.bytesAfter(this.settled);
  }

  /**
   * Begins a flush of everything published so far. A subscription that becomes live later catches up by itself. Returns
   * the offset of the newest publication.
   */
  beginFlush(): number {
    return (this.flushed = this.topic.log.head);
  }

  /** Notes that every live subscription has the publications up to `offset`. */
  settle(offset: number, now: number): void {
    this.settled = Math.max(this.settled, offset);
    this.topic.trim(now);
  }

  /** Continues after offset `head`, together with the topic. */
  moveTo(head: number): void {
    this.flushed = this.settled = head;
  }

  add(subscription: Subscription): void {
    subscription.moveTo(this.size);
    const listed = this.#listed;
    if (listed === undefined) this.#listed = subscription;
    else if (Array.isArray(listed)) listed.push(subscription);
    else this.#listed = [listed, subscription];
  }

  remove(subscription: Subscription): void {
    const listed = this.#listed;
    const last = Array.isArray(listed) ? listed.pop()! : subscription;
    if (!Array.isArray(listed) || listed.length === 0) this.#listed = undefined;
    else if (last !== subscription) {
      listed[subscription.index] = last;
      last.moveTo(subscription.index);
    }
    subscription.leaveList();
    this.departures++;
  }
}

/** Returns the lowest cursor from which a topic still has everything. */
export function reachOf({ log, latest }: Topic): number {
  const kept = log.first - 1;
  return latest === undefined ? kept : Math.min(kept, latest.reach);
}

/** Tells whether a topic may keep expired publications. */
export function mayExpire({ log, latest }: Topic): boolean {
  return log.mortal || latest?.mortal === true;
}
