import { randomBytes } from 'node:crypto';
import { offsetIn, positionOf } from './position.js';
import { RecentNames } from './recent-names.js';
import type { HistoryPolicy } from './topic-policy.js';
import type { Topic } from './topic.js';

/** Place where the log of a topic begins: after offset `head` of its epoch. */
export interface Beginning {
  readonly epoch: string;
  readonly head: number;
}

/** Place where the log of a topic ended. */
interface Ending extends Beginning {
  /** Number of the first epoch that a further log of the topic may have. */
  readonly number: number;
  /** Time in milliseconds until which the topic goes on from here when it comes back. */
  readonly until: number;
}

/**
 * Gives every log its epoch, so that a position is worth what it says and no more.
 *
 * A topic with history that has no publication yet has the epoch of the moment, whether the topic exists or not. So its
 * position costs no memory, and clients cannot make this object grow. A topic that ends after a publication leaves its
 * place here, and goes on from there when it comes back within its `ttl`. A topic without history has an epoch of its
 * own each time that it is made.
 */
export class Epochs {
  readonly #process = randomBytes(6).toString('base64url');
  readonly #now: () => number;
  /** Topics that ended after a publication. */
  readonly #ended: RecentNames<Ending>;
  /** Topics that ended without a publication, and had an epoch that is out of reach soon. Clients bring these about. */
  readonly #vacated: RecentNames<Ending>;
  /** Longest ttl of the histories seen so far, in milliseconds. */
  #ttl = 0;
  /** Number of the epoch of the moment: grows with each topic that ends after a publication. */
  #number = 0;
  /** What it was when the younger generation of `#ended` began. */
  #young = 0;
  /** Least number of an epoch of which it is known whether a publication followed: every later ending is remembered. */
  #least = 0;
  #made = 0;

  /**
   * @param now milliseconds, monotonic
   * @param most names remembered of each kind
   */
  constructor(now: () => number, most?: number) {
    this.#now = now;
    this.#ended = new RecentNames(now(), most);
    this.#vacated = new RecentNames(now(), most);
  }

  /** Topics remembered. */
  get size(): number {
    return this.#ended.size + this.#vacated.size;
  }

  /** The beginning of a topic that is made now. */
  begin(name: string, history: HistoryPolicy): Beginning {
    if (history.size === 0) return { epoch: `${this.#process}.${(this.#made++).toString(36)}`, head: 0 };
    const ending = this.#endingOf(name, history);
    this.#vacated.delete(name);
    if (ending === undefined) return this.#fresh(name);
    this.#ended.delete(name);
    return ending;
  }

  /** Remembers where the log of a topic with history ends. */
  end({ name, log, policy, usedAt }: Topic): void {
    const { size, ttl } = policy.history;
    if (size === 0) return;
    this.#turn();
    const { epoch, head } = log;
    const until = usedAt + ttl;
    if (head > 0) this.#ended.set(name, { epoch, head, number: ++this.#number, until });
    else if (numberOf(epoch) < this.#young) this.#vacated.set(name, { epoch, head, number: 0, until });
  }

  /** The position of a name without a topic. Of a name without history nothing is ever recovered from there. */
  positionOf(name: string, history: HistoryPolicy): string {
    if (history.size === 0) return `${this.#process}:0`;
    const ending = this.#endingOf(name, history);
    // It is good for a further ttl from now on.
    if (ending !== undefined)
      (ending.head > 0 ? this.#ended : this.#vacated).set(name, {
        ...ending,
        until: this.#now() + history.ttl,
      });
    const { epoch, head } = ending ?? this.#fresh(name);
    return positionOf(epoch, head);
  }

  /** Whether a name without a topic has had no publication after `since`, or none at all where that is undefined. */
  isNewest(name: string, history: HistoryPolicy, since: string | undefined): boolean {
    if (history.size === 0) return false;
    const { epoch, head } = this.#endingOf(name, history) ?? this.#fresh(name);
    return (since === undefined ? 0 : this.offsetOf(name, epoch, since)) === head;
  }

  /** The offset that `position` names in this epoch of `name`; undefined when it is of another log or no position at all. */
  offsetOf(name: string, epoch: string, position: string): number | undefined {
    return offsetIn(epoch, position) ?? this.#firstOffset(name, epoch, position);
  }

  /** Before its first publication a topic had the epoch of each moment since the log before it, or since the process began. */
  #firstOffset(name: string, epoch: string, position: string): number | undefined {
    const lineage = this.#lineageOf(name);
    if (!position.startsWith(lineage) || !epoch.startsWith(lineage)) return undefined;
    const [, digits] = /^([0-9a-z]{1,10}):0$/.exec(position.slice(lineage.length)) ?? [];
    if (digits === undefined) return undefined;
    const number = Number.parseInt(digits, 36);
    const least = Math.max(this.#least, this.#ended.get(name)?.number ?? 0);
    return number >= least && number <= numberOf(epoch) ? 0 : undefined;
  }

  /** The place that a topic goes on from, if there is one. */
  #endingOf(name: string, history: HistoryPolicy): Ending | undefined {
    this.#ttl = Math.max(this.#ttl, history.ttl);
    this.#turn();
    const now = this.#now();
    return [this.#ended.get(name), this.#vacated.get(name)].find(
      ending => ending !== undefined && now < ending.until,
    );
  }

  #fresh(name: string): Beginning {
    return { epoch: this.#lineageOf(name) + this.#number.toString(36), head: 0 };
  }

  /** The part that all epochs of a topic have in common: a position of another topic must not pass for one of this topic. */
  #lineageOf(name: string): string {
    return `${this.#process}.${hashOf(name)}.`;
  }

  #turn(): void {
    const now = this.#now();
    this.#vacated.turn(now, this.#ttl);
    if (!this.#ended.turn(now, this.#ttl)) return;
    this.#least = this.#young;
    this.#young = this.#number;
  }
}

function numberOf(epoch: string): number {
  return Number.parseInt(epoch.slice(epoch.lastIndexOf('.') + 1), 36);
}

/** FNV-1a of 32 bits: it tells slips from what is meant, and need not withstand anybody. */
function hashOf(name: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36);
}
