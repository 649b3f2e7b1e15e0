import { randomBytes } from 'node:crypto';
import type { Beginning } from './topic-log.js';
import { offsetIn, positionOf } from './position.js';
import { RecentNames } from './recent-names.js';
import type { HistoryPolicy } from './topic-policy.js';
import type { Topic } from './topic.js';

/** Shortest period in milliseconds, so that topics with a short ttl do not change their epoch often while empty. */
const KEEP_MS = 300_000;

const UNUSED = { head: 0, usedAt: undefined };

/** Place where the log of a topic ended. */
interface Ending extends Beginning {
  /** Number of the epoch of a further log of the topic. */
  readonly number: number;
}

/**
 * Gives every log its epoch, so that a position is accepted only if recovery from it is complete.
 *
 * A topic with history and without a publication has the epoch of the period, whether the topic exists or not. So its
 * position costs no memory, and clients cannot make this object grow. When a topic ends after a publication, this
 * object remembers its place, and the topic continues from there if it comes back within its `ttl`. A topic without
 * history gets a new epoch each time.
 */
export class Epochs {
  readonly #process = randomBytes(6).toString('base64url');
  readonly #now: () => number;
  /** Topics that ended after a publication. */
  readonly #ended: RecentNames<Ending>;
  /** Topics that ended without a publication, with an epoch of an earlier period. Clients can cause such topics. */
  readonly #vacated: RecentNames<Ending>;
  /** Least time of a period: the longest ttl of the histories seen so far, in milliseconds. */
  #least = KEEP_MS;
  /** Grows with each topic that ends after a publication, and with each period. */
  #number = 1;
  /** Numbers of the next, the present and the previous period. Topics that ended in the last two are remembered. */
  #next = 1;
  #period = 0;
  #before = 0;
  #made = 0;

  /**
   * @param now milliseconds of a monotonic clock
   * @param most names remembered of each kind
   */
  constructor(now: () => number, most?: number) {
    this.#now = now;
    this.#ended = new RecentNames(now(), most);
    this.#vacated = new RecentNames(now(), most);
  }

  /** Number of remembered topics. */
  get size(): number {
    return this.#ended.size + this.#vacated.size;
  }

  /** Returns the beginning of a new topic. */
  begin(name: string, history: HistoryPolicy): Beginning {
    if (history.size === 0) return { epoch: `${this.#process}.${(this.#made++).toString(36)}`, ...UNUSED };
    const ending = this.#endingOf(name, history);
    this.#vacated.delete(name);
    // Topics that ended earlier are still needed, to recognise older positions.
    if (ending !== undefined && ending.head > 0) this.#ended.delete(name);
    return ending ?? this.#fresh(name);
  }

  /** Remembers where the log of a topic with history ends. */
  end({ name, log, policy }: Topic): void {
    if (policy.history.size === 0) return;
    this.#turn();
    const { epoch, head, usedAt } = log;
    if (head > 0) this.#keep(name, { epoch, head, number: ++this.#number, usedAt });
    else if (numberOf(epoch) !== this.#period) this.#keep(name, { epoch, head, number: 0, usedAt });
  }

  /** Returns the position of a name without a topic. Without history nothing can be recovered from this position. */
  positionOf(name: string, history: HistoryPolicy): string {
    if (history.size === 0) return `${this.#process}:0`;
    const ending = this.#endingOf(name, history);
    // The position is valid for another ttl from now on.
    if (ending !== undefined) this.#keep(name, { ...ending, usedAt: this.#now() });
    else this.#ended.refresh(name);
    const { epoch, head } = ending ?? this.#fresh(name);
    return positionOf(epoch, head);
  }

  /**
   * Tells whether a name without a topic has had no publication after `since`; no publication at all if `since` is
   * undefined.
   */
  isNewest(name: string, history: HistoryPolicy, since: string | undefined): boolean {
    if (history.size === 0) return false;
    const { epoch, head } = this.#endingOf(name, history) ?? this.#fresh(name);
    return (since === undefined ? 0 : this.offsetOf(name, epoch, since)) === head;
  }

  /**
   * Returns the offset of `position` in this epoch of `name`; undefined for a position of another log, and for other
   * text.
   */
  offsetOf(name: string, epoch: string, position: string): number | undefined {
    return offsetIn(epoch, position) ?? this.#firstOffset(name, epoch, position);
  }

  /**
   * Returns offset 0 for an epoch of the topic before its first publication, of any period since its last log. Else
   * undefined.
   */
  #firstOffset(name: string, epoch: string, position: string): number | undefined {
    const lineage = this.#lineageOf(name);
    if (!position.startsWith(lineage) || !epoch.startsWith(lineage)) return undefined;
    const [, digits] = /^([0-9a-z]{1,10}):0$/.exec(position.slice(lineage.length)) ?? [];
    if (digits === undefined) return undefined;
    const number = Number.parseInt(digits, 36);
    const ended = this.#ended.get(name)?.number;
    // A topic that is not remembered ended before the previous period, so a position since then is valid.
    const holds = ended === undefined ? number === this.#period || number === this.#before : number >= ended;
    return holds && number <= numberOf(epoch) ? 0 : undefined;
  }

  /** Returns the remembered place from which a topic continues, if any. */
  #endingOf(name: string, history: HistoryPolicy): Ending | undefined {
    this.#least = Math.max(this.#least, history.ttl);
    this.#turn();
    const now = this.#now();
    return [this.#ended.get(name), this.#vacated.get(name)].find(
      ending => ending?.usedAt !== undefined && now < ending.usedAt + history.ttl,
    );
  }

  #keep(name: string, ending: Ending): void {
    (ending.head > 0 ? this.#ended : this.#vacated).set(name, ending);
  }

  #fresh(name: string): Beginning {
    const number = Math.max(this.#period, this.#ended.get(name)?.number ?? 0);
    return { epoch: this.#lineageOf(name) + number.toString(36), ...UNUSED };
  }

  /** Returns the common part of all epochs of a topic, so that a position of another topic is not accepted. */
  #lineageOf(name: string): string {
    return `${this.#process}.${hashOf(name)}.`;
  }

  #turn(): void {
    const now = this.#now();
    this.#vacated.turn(now, this.#least);
    if (!this.#ended.turn(now, this.#least)) return;
    this.#before = this.#period;
    this.#period = this.#next;
    this.#next = ++this.#number;
  }
}

function numberOf(epoch: string): number {
  return Number.parseInt(epoch.slice(epoch.lastIndexOf('.') + 1), 36);
}

/** Returns the FNV-1a hash of 32 bits. It detects mistakes, and does not protect against attacks. */
function hashOf(name: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) hash = Math.imul(hash ^ name.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(36);
}
