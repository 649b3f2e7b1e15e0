import { positionOf } from './position.js';
import { LatestByKey } from './latest-by-key.js';
import type { Subscription } from './subscription.js';
import type { SubscriptionState } from './subscription-states.js';
import { type Beginning, type EntryTerms, TopicLog } from './topic-log.js';
import type { TopicPolicy } from './topic-policy.js';
import type { Retention } from './retention.js';

const NOBODY: ReadonlySet<Subscription> = new Set();

/** One concrete topic: its log and who listens. Exists while somebody does, or while it has history. */
export class Topic {
  readonly log: TopicLog;
  /** Everybody who asked for no rate of their own. */
  readonly lane: Lane;
  /** The other lanes, by interval. Undefined when there are none. */
  #lanes: Map<number, Lane> | undefined;
  /** On topics that conflate. */
  readonly latest: LatestByKey | undefined;
  #held: Set<Subscription> | undefined;
  #behind: Set<Subscription> | undefined;
  /** What {@link Retention} has counted it with. */
  historyBytes = 0;
  backlogBytes = 0;
  ended = false;

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

  /** Of the newest publication. */
  get position(): string {
    return positionOf(this.log.epoch, this.log.head);
  }

  /** Whether a newer publication stands for the older ones of its key. */
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

  /** Subscriptions whose socket is busy or that catch up. */
  get behind(): ReadonlySet<Subscription> {
    return this.#behind ?? NOBODY;
  }

  /** How many clients were answered and get what is published. */
  get subscribers(): number {
    let count = this.lane.subscriptions.length + this.behind.size;
    for (const { subscriptions } of this.#lanes?.values() ?? []) count += subscriptions.length;
    return count;
  }

  /** Whether nobody listens and nobody waits to. */
  get vacant(): boolean {
    return this.subscribers === 0 && this.held.size === 0;
  }

  /** Everybody who was answered. */
  *listeners(): Generator<Subscription, void> {
    for (const { subscriptions } of this.lanes) yield* subscriptions;
    yield* this.behind;
  }

  append(json: string, bytes: number, terms: EntryTerms): void {
    const entry = this.log.append(json, bytes, terms);
    if (this.latest === undefined) return;
    this.latest.set(entry);
    // A window may be long, and nobody needs what was published in it but the newest.
    if (this.lane.interval > 0 && this.log.bytes > this.retention.backlogLimit) this.trim(terms.at);
  }

  /**
   * Goes on after offset `head` of an epoch, because the publications before it will not come. The log and the lanes are there
   * then, and nothing that was kept stays. Cursors do not move: they show which publications each subscription has lost.
   */
  moveTo(epoch: string, head: number): void {
    this.log.moveTo(epoch, head);
    this.latest?.moveTo(head);
    for (const lane of this.lanes) lane.moveTo(head);
  }

  /** Puts a subscription among those that get at most one flush in `interval` milliseconds. */
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

  /** Takes a subscription out of the flushes: its client waits for an answer. */
  hold(subscription: Subscription): void {
    this.#move(subscription, 'held');
    (this.#held ??= new Set()).add(subscription);
  }

  /** Takes a subscription out of the flushes: it has lost publications, and waits for a new snapshot. */
  renew(subscription: Subscription): void {
    this.#move(subscription, 'renewing');
    (this.#held ??= new Set()).add(subscription);
  }

  /** Takes a subscription out of the flushes: its socket has no room, so the log serves it. */
  defer(subscription: Subscription): void {
    this.#move(subscription, 'behind');
    (this.#behind ??= new Set()).add(subscription);
  }

  /** Takes a subscription out of the flushes: its client was away, so the log serves it. */
  replay(subscription: Subscription): void {
    this.#move(subscription, 'returning');
    (this.#behind ??= new Set()).add(subscription);
  }

  /** Puts a subscription into the flushes: from now on each of them hands over the new publications. */
  activate(subscription: Subscription): void {
    this.#move(subscription, 'live');
    subscription.lane.add(subscription);
  }

  /** Ends a subscription. */
  remove(subscription: Subscription): void {
    this.#move(subscription, 'ended');
    this.#leaveLane(subscription);
  }

  /** Forgets what nobody needs any more. */
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
 * The live subscriptions of a topic that are flushed together: nearly always all of them. On a topic that conflates there
 * are others for clients that asked for fewer publications a second. The subscriptions of a lane share its batches.
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

  /** Goes on after offset `head`, because the topic does. */
  moveTo(head: number): void {
    this.flushed = this.settled = head;
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

/** The lowest cursor from which a topic has everything that follows. */
export function reachOf({ log, latest }: Topic): number {
  const kept = log.first - 1;
  return latest === undefined ? kept : Math.min(kept, latest.reach);
}

/** Whether a topic may keep publications that are stale. */
export function mayExpire({ log, latest }: Topic): boolean {
  return log.mortal || latest?.mortal === true;
}
