/** Who is subscribed to a topic: a user, whose connections count as one, or a connection without a user. */
export interface Member {
  /** Id of the user (its `id` or `sub`), as it is there; null where the connection has no user. */
  readonly user: string | number | null;
  /** How many connections of the user are subscribed. */
  readonly connections: number;
  /** What `presence.info` returned for the first of them, through JSON; left out when that was nothing. */
  readonly info?: unknown;
}

/** Publication of the topic `<topic>~presence`: members that came and members that went since the publication before. A member in both lists has changed. */
export interface MembersChange {
  readonly joined: readonly Member[];
  readonly left: readonly Member[];
}

/** Snapshot of the topic `<topic>~presence`: every member. */
export interface MemberList {
  readonly members: readonly Member[];
}

/** Snapshot or publication of the topic `<topic>~presence` in place of names, while there are more members than `presence.members`. */
export interface Occupancy {
  readonly occupancy: number;
}

/** A member's number of connections changes while it is there; nobody else has this object. */
type Present = { -readonly [Part in keyof Member]: Member[Part] };

/** The id of a user as text, or what stands for a connection without one. */
type Key = unknown;

/** A topic that named too many names its members again at this share of the limit: at the limit itself it would waver. */
const RETURN_AT = 0.8;

/**
 * The members of one topic, and what the others have been told of them. `C` is a connection, of which nothing is known
 * here. Whoever comes and goes, or goes and comes back, between two calls of {@link tell} costs nobody anything.
 */
export class Membership<C = unknown> {
  readonly #limit: number;
  readonly #members = new Map<Key, Present>();
  /** Where each connection is counted: the application may change its user object meanwhile. */
  readonly #keys = new Map<C, Key>();
  /** Whose change was not told yet, and as what they were told before: undefined for those nobody was told of. */
  readonly #untold = new Map<Key, Member | undefined>();
  /** The number that was told; undefined while members are named. */
  #occupancy: number | undefined;

  /** @param limit members above which only their number is told; 0 never tells more */
  constructor(limit: number) {
    this.#limit = limit;
    if (limit === 0) this.#occupancy = 0;
  }

  /** How many members there are. */
  get size(): number {
    return this.#members.size;
  }

  has(connection: C): boolean {
    return this.#keys.has(connection);
  }

  /** Counts a connection that is not counted yet, for its user. @returns whether that is a new member */
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

  /** Says what the others see of the member that a connection is counted for, if it is counted any more. */
  describe(connection: C, info: unknown): void {
    const present = this.#members.get(this.#keys.get(connection));
    if (present !== undefined) present.info = info;
  }

  /** Counts a connection no longer. @returns whether that was the last of its member */
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

  /** Whether a connection is counted for this user. */
  counts(connection: C, user: string | number | null): boolean {
    return this.#keys.get(connection) === keyOf(connection, user);
  }

  /** Everybody who is there now. */
  members(): Member[] {
    return Array.from(this.#members.values(), member => ({ ...member }));
  }

  /** What the others know: the truth, but for the changes since the last {@link tell}. */
  told(): MemberList | Occupancy {
    if (this.#occupancy !== undefined) return { occupancy: this.#occupancy };
    const members: Member[] = [];
    for (const [key, member] of this.#members) if (!this.#untold.has(key)) members.push({ ...member });
    for (const member of this.#untold.values()) if (member !== undefined) members.push({ ...member });
    return { members };
  }

  /** What the others are to be told now, so that they know the truth; undefined when they do. */
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

  /** @param was the member as it was before the change, if it was there */
  #change(key: Key, was: Member | undefined): void {
    // Of those who are only counted, nobody is told who they are.
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

/** A user's id may be a number here and a text there. */
function keyOf(connection: unknown, user: string | number | null): Key {
  return user === null ? connection : String(user);
}

/** Whether the others would see no difference. What they see has come through JSON. */
function isAlike(a: Member, b: Member): boolean {
  return a.user === b.user && JSON.stringify(a.info) === JSON.stringify(b.info);
}
