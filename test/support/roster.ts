/** What a client shows of a member. Its number of connections is not kept up to date by publications. */
interface Shown {
  readonly user: unknown;
  readonly info?: unknown;
}

const asText = ({ user, info }: Shown): string => JSON.stringify({ user, info });

/** Who is there, as a list that two sides can be compared by. */
export function shown(members: readonly Shown[]): string[] {
  return members.map(asText).sort();
}

/** A client of a presence, written from the protocol: it takes the snapshot, then every publication. */
export class Roster {
  /** Undefined while only the number is told. */
  #members: Shown[] | undefined;
  #occupancy = 0;

  constructor(snapshot: unknown) {
    this.take(snapshot);
  }

  /** Who is there, or how many. */
  get seen(): string[] | number {
    return this.#members === undefined ? this.#occupancy : shown(this.#members);
  }

  /** Throws on what cannot be, such as one who joins twice. */
  take(data: any): void {
    if (data.occupancy !== undefined) {
      this.#members = undefined;
      this.#occupancy = data.occupancy;
    } else if (data.members !== undefined) this.#members = [...data.members];
    else this.#change(data);
  }

  #change({ joined, left }: { joined: Shown[]; left: Shown[] }): void {
    const members = this.#members;
    if (members === undefined) throw new Error('a change of a list that is not there');
    for (const member of left) {
      const at = members.findIndex(other => asText(other) === asText(member));
      if (at < 0) throw new Error(`${asText(member)} left and was not there`);
      members.splice(at, 1);
    }
    for (const member of joined) {
      const twice = member.user !== null && members.some(({ user }) => user === member.user);
      if (twice) throw new Error(`${asText(member)} joined and was there`);
      members.push(member);
    }
  }
}
