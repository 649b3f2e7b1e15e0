import { demand } from './violation.js';

/** A member as a client is told of it: somebody without a user has no name. */
interface Told {
  readonly user: string | number | null;
}

/** What a snapshot or a publication of a presence may be. */
export type PresenceNews =
  | { readonly members: readonly Told[] }
  | { readonly occupancy: number }
  | { readonly joined: readonly Told[]; readonly left: readonly Told[] };

/** How many members there are of each name: of users one, of those without one as many as there are connections. */
export type Crowd = ReadonlyMap<string, number>;

/** Who is there, as a client knows it from the snapshot and what came after it. */
export class PresenceView {
  readonly #topic: string;
  /** Undefined while the client is told no names. */
  #members: Map<string, number> | undefined = new Map();
  #occupancy = 0;

  constructor(topic: string) {
    this.#topic = topic;
  }

  apply(news: PresenceNews): void {
    if ('occupancy' in news) {
      this.#members = undefined;
      this.#occupancy = news.occupancy;
    } else if ('members' in news) {
      this.#members = new Map(crowdOf(news.members.map(({ user }) => user)));
    } else {
      for (const { user } of news.left) this.#leave(nameOf(user));
      for (const { user } of news.joined) this.#join(nameOf(user));
    }
  }

  /** All is quiet: the client must know who is there. */
  complete(truth: Crowd): void {
    const size = sizeOf(truth);
    const what = (): string => `${this.#topic}: ${shown(truth)} are there`;
    if (this.#members === undefined)
      demand(this.#occupancy === size, 'presence', () => `${what()}, the client was told ${this.#occupancy}`);
    else {
      const told = shown(this.#members);
      demand(told === shown(truth), 'presence', () => `${what()}, the client was told of ${told}`);
    }
  }

  #leave(name: string): void {
    const count = this.#members?.get(name) ?? 0;
    demand(count > 0, 'presence', () => `${this.#topic}: ${name} leaves who was not there`);
    if (count > 1) this.#members!.set(name, count - 1);
    else this.#members!.delete(name);
  }

  #join(name: string): void {
    const count = this.#members?.get(name) ?? 0;
    const fits = this.#members !== undefined && (count === 0 || name === NOBODY);
    demand(fits, 'presence', () => `${this.#topic}: ${name} joins who was there`);
    this.#members!.set(name, count + 1);
  }
}

const NOBODY = 'nobody';

/** @param users one of each member; null for a connection without a user */
export function crowdOf(users: Iterable<string | number | null>): Crowd {
  const crowd = new Map<string, number>();
  for (const user of users) crowd.set(nameOf(user), (crowd.get(nameOf(user)) ?? 0) + 1);
  return crowd;
}

/** Who is there, sorted. */
export function shown(crowd: Crowd): string {
  const names = [...crowd].map(([name, count]) => (count > 1 ? `${count} × ${name}` : name));
  return names.sort().join(', ') || 'none';
}

function sizeOf(crowd: Crowd): number {
  let size = 0;
  for (const count of crowd.values()) size += count;
  return size;
}

function nameOf(user: string | number | null): string {
  return user === null ? NOBODY : String(user);
}
