import { positionOf } from './position.js';
import { Lane } from './lane.js';
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
