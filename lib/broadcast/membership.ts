/** Member of a topic: a user, whose connections count as one, or a connection without a user. */
export interface Member {
  /** Id of the user (its `id` or `sub`); null if the connection has no user. */
  readonly user: string | number | null;
  /** Number of subscribed connections of the user. */
  readonly connections: number;
  /** Result of `presence.info` for the first connection, through JSON; left out if it was undefined. */
  readonly info?: unknown;
}

/**
 * Publication of the topic `<topic>~presence`: members that joined and left since the previous publication. A member in
 * both lists has changed.
 */
export interface MembersChange {
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

/** Snapshot of the topic `<topic>~presence`: every member. */
export interface MemberList {
  readonly members: readonly Member[];
}

/**
 * Snapshot or publication of the topic `<topic>~presence` in place of names, while there are more members than
 * `presence.members`.
 */
export interface Occupancy {
  readonly occupancy: number;
}

/** Member with a changing number of connections. The object is never handed out. */
type Present = { -readonly [Part in keyof Member]: Member[Part] };

/** Id of a user as text, or the connection itself without a user. */
type Key = unknown;

/**
 * Share of the limit below which a topic names its members again. At the limit itself it would switch back and forth.
 */
const RETURN_AT = 0.8;

/**
 * Members of one topic, and their last published state. `C` is a connection, whose members are not used here. A member
 * that joins and leaves, or leaves and returns, between two calls of {@link tell} causes no publication.
 */
export class Membership<C = unknown> {
  readonly #limit: number;
  readonly #members = new Map<Key, Present>();
  /** Keys by connection, because the application may change its user object later. */
  readonly #keys = new Map<C, Key>();
  /** Members whose change is unpublished, with their last published state (undefined: never published). */
  readonly #untold = new Map<Key, Member | undefined>();
  /** Last published number of members; undefined while members are named. */
  #occupancy: number | undefined;

  /** @param limit number of members above which only their number is published; with 0 it is always the number */
  constructor(limit: number) {
    this.#limit = limit;
    if (limit === 0) this.#occupancy = 0;
  }

  /** Number of members. */
  get size(): number {
    return this.#members.size;
  }

  has(connection: C): boolean {
    return this.#keys.has(connection);
  }

  /** Counts a new connection for its user. @returns true for a new member */
  enter(connection: C, user: string | number | null): boolean {
    const key = keyOf(connection, user);
    this.#keys.set(connection, key);
    const present = this.#members.get(key);
    if (present !== undefined) {
      present.connections++;
      return false;
    }
    this.#change(key, undefined);
    this.#members.set(key, { user, connections: 1 });
    return true;
  }

  /** Sets the public info of a connection's member, if the connection still counts. */
  describe(connection: C, info: unknown): void {
    const present = this.#members.get(this.#keys.get(connection));
    if (present !== undefined) present.info = info;
  }

  /** Removes a connection. @returns true if it was the last of its member */
  leave(connection: C): boolean {
    const key = this.#keys.get(connection);
    const present = this.#members.get(key);
    if (present === undefined) return false;
    this.#keys.delete(connection);
    if (--present.connections > 0) return false;
    this.#members.delete(key);
    this.#change(key, present);
    return true;
  }

  /** Tells whether a connection counts for this user. */
  counts(connection: C, user: string | number | null): boolean {
    return this.#keys.get(connection) === keyOf(connection, user);
  }

  /** Returns the present members. */
  members(): Member[] {
    return Array.from(this.#members.values(), member => ({ ...member }));
  }

  /** Returns the published state: the present members without the changes since the last {@link tell}. */
  told(): MemberList | Occupancy {
    if (this.#occupancy !== undefined) return { occupancy: this.#occupancy };
    const members: Member[] = [];
    for (const [key, member] of this.#members) if (!this.#untold.has(key)) members.push({ ...member });
    for (const member of this.#untold.values()) if (member !== undefined) members.push({ ...member });
    return { members };
  }

  /** Returns the publication that brings the published state up to date; undefined if it is. */
  tell(): MembersChange | MemberList | Occupancy | undefined {
    const { size } = this;
    const before = this.#occupancy;
    const change = this.#takeUntold();
    if (before === undefined) return size > this.#limit ? this.#count(size) : change;
    if (this.#limit > 0 && size <= this.#limit * RETURN_AT) {
      this.#occupancy = undefined;
      return { members: this.members() };
    }
    return size === before ? undefined : this.#count(size);
  }

  #count(size: number): Occupancy {
    this.#occupancy = size;
    return { occupancy: size };
  }

  /** Notes a change. @param was the member before the change; undefined if it is new */
  #change(key: Key, was: Member | undefined): void {
    // Members are not named while only their number is published.
    if (this.#occupancy === undefined && !this.#untold.has(key)) this.#untold.set(key, was);
  }

  #takeUntold(): MembersChange | undefined {
    const change = { joined: [] as Member[], left: [] as Member[] };
    for (const [key, was] of this.#untold) {
      const is = this.#members.get(key);
      if (was !== undefined && is !== undefined && isAlike(was, is)) continue;
      if (was !== undefined) change.left.push({ ...was });
      if (is !== undefined) change.joined.push({ ...is });
    }
    this.#untold.clear();
    return change.joined.length + change.left.length === 0 ? undefined : change;
  }
}

/** Returns the key of a user. The id may be a number for one connection and a text for another. */
function keyOf(connection: unknown, user: string | number | null): Key {
  return user === null ? connection : String(user);
}

/** Tells whether two states of a member look the same to clients, after JSON. */
function isAlike(a: Member, b: Member): boolean {
  return a.user === b.user && JSON.stringify(a.info) === JSON.stringify(b.info);
}
