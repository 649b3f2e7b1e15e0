import type { Connection } from '../connection/connection.js';
import { givenIdOf } from '../connection/connection-registry.js';
import { FanoutError } from '../errors/fanout-error.js';
import { outgoingJson } from '../json/outgoing.js';
import type { Clock, Timer } from '../time/clock.js';
import type { PresencePolicy } from '../topic/topic-policy.js';
import { isTopicName, presenceNameOf } from '../topic/topic-name.js';
import type { Subscription } from '../topic/subscription.js';
import {
  type Member,
  type MemberList,
  Membership,
  type MembersChange,
  type Occupancy,
} from './membership.js';

/** Most bytes of JSON in a member's info, if `limits.publication` is not lower. */
const MAX_INFO_BYTES = 16_384;

/** Share of a publication for one member's info, with room for the id of its user. */
const INFO_SHARE = 0.5;

/** The collaborators of {@link Presence}. */
export interface PresenceDeps {
  /** Publishes like the application. */
  readonly publish: (topic: string, data: unknown) => unknown;
  /** Most bytes of one publication. */
  readonly maxPayload: number;
  readonly clock: Clock;
  /** Members by topic. Presence alone changes them. */
  readonly crowds: Crowds;
  readonly logger: { error(error: unknown, what: string): void };
}

/** Topic with members. It is removed when the last member has left and this is published. */
interface Crowd {
  readonly topic: string;
  readonly policy: PresencePolicy;
  readonly membership: Membership<object>;
  /** Timer, set while a change is unpublished. */
  timer: Timer | undefined;
  /** Promise for callers that wait for the next publication. */
  announcement: { readonly promise: Promise<void>; readonly settle: () => void } | undefined;
}

/** Members of the topics with a presence policy, by name of the topic. */
export class Crowds extends Map<string, Crowd> {
  /** Returns the present members of a topic, in no order; an empty list for a topic without presence. */
  members(topic: string): Member[] {
    return this.get(topic)?.membership.members() ?? [];
  }
}

/**
 * Members of the topics with a presence policy, in this process, and the publications on `<topic>~presence` about them.
 * Changes are gathered for `debounce` ms, and the remaining ones are published together. So many members that join at
 * once cost each of the others one publication.
 */
export class Presence {
  readonly #deps: PresenceDeps;
  readonly #crowds: Crowds;
  #stopped = false;

  constructor(deps: PresenceDeps) {
    this.#deps = deps;
    this.#crowds = deps.crowds;
  }

  /** Number of topics with members, or with unpublished changes. */
  get size(): number {
    return this.#crowds.size;
  }

  /** Adds the member of an answered subscription. */
  joined({ topic, subscriber }: Subscription): void {
    const policy = topic.policy.presence;
    if (policy === undefined) return;
    // Subscribers are connections, but the topic room does not know connections.
    this.#enter(this.#crowdOf(topic.name, policy), subscriber as unknown as Connection);
  }

  /** Removes the member of an ended subscription. */
  left({ topic, subscriber }: Subscription): void {
    const crowd = this.#crowds.get(topic.name);
    if (crowd?.membership.leave(subscriber) === true) this.#changed(crowd);
  }

  /** Moves a connection whose user has changed to the new user's member, in all its topics. */
  userChanged(connection: Connection & { readonly subscriptions: { keys(): Iterable<string> } }): void {
    const user = givenIdOf(connection.user) ?? null;
    for (const topic of connection.subscriptions.keys()) {
      const crowd = this.#crowds.get(topic);
      if (crowd === undefined || !crowd.membership.has(connection)) continue;
      if (crowd.membership.counts(connection, user)) continue;
      if (crowd.membership.leave(connection)) this.#changed(crowd);
      this.#enter(this.#crowdOf(topic, crowd.policy), connection);
    }
  }

  /**
   * Returns the published state for new subscribers of `<topic>~presence`. The next publication continues from there.
   */
  told(topic: string, { members }: PresencePolicy): MemberList | Occupancy {
    return (this.#crowds.get(topic)?.membership ?? new Membership(members)).told();
  }

  /** Resolves when all changes are published; undefined if there are none. */
  announced(topic: string): Promise<void> | undefined {
    const crowd = this.#crowds.get(topic);
    if (crowd?.timer === undefined) return undefined;
    if (crowd.announcement === undefined) {
      let settle!: () => void;
      const promise = new Promise<void>(resolve => (settle = resolve));
      crowd.announcement = { promise, settle };
    }
    return crowd.announcement.promise;
  }

  /** Publishes nothing from now on, because the server shuts down and all members leave. */
  stop(): void {
    this.#stopped = true;
    for (const crowd of this.#crowds.values()) {
      this.#deps.clock.clearTimeout(crowd.timer);
      this.#tell(crowd);
    }
  }

  #crowdOf(topic: string, policy: PresencePolicy): Crowd {
    let crowd = this.#crowds.get(topic);
    if (crowd === undefined) {
      const membership = new Membership<object>(policy.members);
      crowd = { topic, policy, membership, timer: undefined, announcement: undefined };
      this.#crowds.set(topic, crowd);
    }
    return crowd;
  }

  #enter(crowd: Crowd, connection: Connection): void {
    if (!crowd.membership.enter(connection, givenIdOf(connection.user) ?? null)) return;
    this.#changed(crowd);
    const { info } = crowd.policy;
    if (info === undefined) return;
    // Counted before the call of the application, which may end the subscription or the connection.
    try {
      crowd.membership.describe(connection, this.#plain(crowd.topic, info(connection)));
    } catch (error) {
      this.#deps.logger.error(error, `A member of topic "${crowd.topic}" has no info: presence.info failed`);
    }
  }

  /**
   * Copies an info through JSON, so that later changes of the object have no effect.
   * @throws when it has no JSON form or is too large
   */
  #plain(topic: string, info: unknown): unknown {
    if (typeof (info as PromiseLike<unknown> | null | undefined)?.then === 'function') {
      (info as PromiseLike<unknown>).then(undefined, ignore);
      throw new TypeError('presence.info must return a value, not a promise');
    }
    const json = outgoingJson('FANOUT_PRESENCE_INFO', topic, info);
    if (json === undefined) return undefined;
    const limit = Math.min(MAX_INFO_BYTES, this.#deps.maxPayload * INFO_SHARE);
    const bytes = Buffer.byteLength(json);
    if (bytes > limit)
      throw new RangeError(`presence.info must return at most ${limit} bytes of JSON; got ${bytes}`);
    return JSON.parse(json);
  }

  #changed(crowd: Crowd): void {
    if (this.#stopped) return this.#tell(crowd);
    if (crowd.timer !== undefined) return;
    crowd.timer = this.#deps.clock.setTimeout(() => this.#tell(crowd), crowd.policy.debounce);
    crowd.timer.unref();
  }

  #tell(crowd: Crowd): void {
    const { topic, membership, announcement } = crowd;
    crowd.timer = crowd.announcement = undefined;
    const news = membership.tell();
    if (membership.size === 0) this.#crowds.delete(topic);
    const name = presenceNameOf(topic);
    // The name of a topic may be too long for a presence topic.
    if (news !== undefined && !this.#stopped && isTopicName(name)) this.#publish(name, news);
    announcement?.settle();
  }

  /** Publishes a change, in several publications if it is too large for one. */
  #publish(name: string, news: MembersChange | MemberList | Occupancy): void {
    try {
      this.#deps.publish(name, news);
    } catch (error) {
      const parts = isTooLarge(error) ? partsOf(news) : [];
      if (parts.length === 0)
        this.#deps.logger.error(error, `The presence on topic "${name}" could not be published`);
      for (const part of parts) this.#publish(name, part);
    }
  }
}

function isTooLarge(error: unknown): boolean {
  return error instanceof FanoutError && error.code === 'FANOUT_PAYLOAD_SIZE';
}

/** Splits a change in two; returns an empty list if it cannot be split. A changed member leaves before it returns. */
function partsOf(news: MembersChange | MemberList | Occupancy): (MembersChange | MemberList)[] {
  if ('occupancy' in news) return [];
  if ('members' in news) {
    return news.members.length === 0 ? [] : [{ members: [] }, { joined: news.members, left: [] }];
  }
  const { joined, left } = news;
  if (joined.length > 0 && left.length > 0)
    return [
      { joined: [], left },
      { joined, left: [] },
    ];
  if (joined.length > 1) return halves(joined).map(half => ({ joined: half, left: [] }));
  return left.length > 1 ? halves(left).map(half => ({ joined: [], left: half })) : [];
}

function halves(members: readonly Member[]): (readonly Member[])[] {
  const middle = Math.ceil(members.length / 2);
  return [members.slice(0, middle), members.slice(middle)];
}

function ignore(): void {}
