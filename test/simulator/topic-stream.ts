import { bytesBetween, type Entry, headAt, parsePosition } from './ledger.js';
import type { Law } from './law.js';
import { Pace } from './pace.js';
import { type PresenceNews, PresenceView } from './presence-view.js';
import { subjectOf } from './scenario.js';
import type { Moment } from './virtual-line.js';
import { demand, type Rule, Violation } from './violation.js';

/** The data of a `subscribed` frame. */
export interface Answer {
  readonly topic: string;
  readonly position: string;
  readonly recovered?: boolean;
  readonly maxRate?: number;
  readonly snapshot?: Snapshot;
}

/** What a topic's method returns: the offset that the topic had then. Presences have other ones. */
type Snapshot = { readonly head?: number };

/** The data of a `gap` frame. */
export interface Gap {
  readonly topic: string;
  readonly from: number;
  readonly to: number;
  readonly position: string;
  readonly reason: string;
  readonly snapshot?: Snapshot;
}

/** A publication frame. */
export interface Publication {
  readonly topic: string;
  readonly offset: number;
  readonly data: { readonly seq: number; readonly key: string; readonly fill: string };
}

/** After a loss for age, what is older than this share of the time that is left is lost too. */
const FRESH_SHARE = 1 / 2;

/** What may be wrong. */
interface Wrong {
  readonly rule: Rule;
  readonly what: string;
  readonly at: Moment;
  /** A snapshot of this offset or a later one, in an answer of the same moment, makes it good. */
  readonly mendedBy?: number;
}

/**
 * One subscription as its client sees it, from the answer to its end, held against the ledger. It knows the rules of
 * docs/guarantees.md and nothing of how the core keeps them.
 */
export class TopicStream {
  readonly topic: string;
  readonly epoch: string;
  /** Offset up to which the client has everything, or was told that it has not. */
  last: number;
  /** Of a presence: who is there. Undefined when the client cannot know. */
  view: PresenceView | undefined;
  readonly #law: Law;
  readonly #log: readonly Entry[];
  #pace: Pace;
  /** By key, the offset of the newest value that was delivered, or told to be lost. */
  readonly #newest: Map<string, number>;
  /** When it began, for one that did not go on from where another was. */
  readonly #began: number;
  /** Offset from which on values are owed. */
  readonly #start: number;
  /** What would be wrong if the subscription went on: at its end, nothing can wait any more. */
  #unlessLast: Wrong | undefined;

  /** @param before the client's stream that this one goes on from, where its answer says so */
  constructor(law: Law, answer: Answer, written: Moment, before?: TopicStream) {
    const { topic, position, recovered } = answer;
    const { epoch, offset } = parsePosition(position);
    this.#law = law;
    this.topic = topic;
    this.epoch = epoch;
    this.last = offset;
    this.#log = law.ledger.log(topic, epoch);
    this.#pace = this.#paceOf(answer, written);
    const goesOn = recovered === true && before?.epoch === epoch && before.last === offset;
    this.#began = recovered === true ? Infinity : written.at;
    const owed = this.#log.filter(entry => entry.offset > offset && entry.at <= written.at);
    law.owes(owed.reduce((sum, { bytes }) => sum + bytes, 0));
    this.#start = goesOn ? before.#start : offset;
    this.#newest = new Map(goesOn ? before.#newest : []);
    if (goesOn) this.view = before.view;
    else this.#look(answer.snapshot);
  }

  get position(): string {
    return `${this.epoch}:${this.last}`;
  }

  get #conflates(): boolean {
    return this.#law.spec.conflate !== undefined;
  }

  /** The client subscribed again to what it has. */
  again(answer: Answer, written: Moment): void {
    const { epoch, offset } = parsePosition(answer.position);
    const fits = epoch === this.epoch && (this.#conflates ? offset >= this.last : offset === this.last);
    const what = (): string =>
      `${this.topic} is at ${this.position}, a second answer says ${answer.position}`;
    demand(fits, 'recovery', what);
    if (this.#conflates) this.#hasNewest(headAt(this.#log, written), offset);
    this.last = offset;
    this.#pace = this.#paceOf(answer, written);
    this.#look(answer.snapshot);
    // A new list makes good what was left out before it.
    if (this.view !== undefined || this.#isMended(answer, written)) this.#unlessLast = undefined;
  }

  publication({ offset, data }: Publication, written: Moment): void {
    const entry = this.#log[offset - 1];
    demand(entry !== undefined, 'payload', () => `${this.#name(offset)} (${data.seq}) was never published`);
    demand(offset > this.last, 'duplicate', () => `${this.#name(offset)} came after offset ${this.last}`);
    const contiguous = offset === this.last + 1 || this.#conflates;
    demand(contiguous, 'loss', () => `${this.#name(offset)} follows offset ${this.last} without a gap`);
    const intact =
      entry.json === undefined
        ? data.seq === entry.seq && data.key === entry.key && data.fill === entry.fill
        : JSON.stringify(data) === entry.json;
    demand(intact, 'payload', () => `${this.#name(offset)} is not what was published`);
    const mine = entry.except === this.#law.connection;
    demand(!mine, 'except', () => `${this.#name(offset)} reached the one that was excepted`);
    const fresh = this.#law.handedOver(written.at) < entry.expires + this.#law.lateMs();
    demand(fresh, 'stale', () => `${this.#name(offset)} expired at ${entry.expires}, sent at ${written.at}`);
    this.#inTime(entry);
    this.#goesOn(written);
    this.last = offset;
    const key = this.#keyOf(entry);
    this.#newest.set(key, offset);
    const haste = this.#law.prompt() ? this.#pace.delivered(key, written) : undefined;
    this.view?.apply(data as never);
    if (haste !== undefined)
      this.#unlessLast = { rule: 'rate', what: `${this.#name(offset)} ${haste}`, at: written };
  }

  /** Of a line that is slow and nothing else, what it reads is not too old. */
  #inTime({ at, offset }: Entry): void {
    const { spec } = this.#law;
    if (at < this.#began || this.#conflates || spec.slow === 'disconnect') return;
    const { taken, most } = this.#law.timeOf(at);
    demand(taken <= most, 'age', () => `${this.#name(offset)} is ${taken} ms old, of ${Math.round(most)}`);
  }

  gap({ from, to, position, reason, snapshot }: Gap, written: Moment): void {
    const what = (): string => `${this.topic} gap ${from}..${to} (${reason}) after offset ${this.last}`;
    const begins = this.#conflates ? from > this.last : from === this.last + 1;
    const placed = begins && to >= from && position === `${this.epoch}:${to}`;
    demand(placed, 'gap', () => `${what()}, position ${position}`);
    const head = headAt(this.#log, written);
    demand(to <= head, 'gap', () => `${what()}, but offset ${head} is the newest`);
    this.#goesOn(written);
    if (reason === 'slow') this.#fellBehind(from, to, written, snapshot !== undefined, what);
    else this.#leftOut(from, to, reason, written, what);
    if (reason === 'slow') this.#look(snapshot);
    const current = snapshot?.head === undefined || snapshot.head >= to;
    demand(current, 'gap', () => `${what()} has a snapshot of offset ${snapshot!.head}`);
    for (const entry of this.#log.slice(from - 1, to)) this.#newest.set(this.#keyOf(entry), entry.offset);
    this.last = to;
  }

  /** All is quiet, and the client has had time to read: whatever was published up to `head` must have come. */
  complete(head: number): void {
    this.#goesOn(undefined);
    this.#hasAll(head);
  }

  /** The subscription or the connection has ended in good order: what was published before that must have come. */
  ended(moment: Moment): void {
    this.#hasAll(headAt(this.#log, moment));
  }

  #hasAll(head: number): void {
    if (this.#conflates) this.#hasNewest(head);
    else demand(this.last >= head, 'loss', () => `${this.#name(this.last + 1)} never came`);
  }

  /** The list of a presence is new with each snapshot; without one, after a loss, it is unknown. */
  #look(snapshot: unknown): void {
    if (subjectOf(this.topic) === undefined) return;
    this.view = snapshot === undefined ? undefined : new PresenceView(this.topic);
    this.view?.apply(snapshot as PresenceNews);
  }

  /** Lost for slowness: only what the log need not keep. */
  #fellBehind(from: number, to: number, at: Moment, renewed: boolean, what: () => string): void {
    const { settings, spec } = this.#law;
    const head = headAt(this.#log, at);
    const behind = bytesBetween(this.#log, from - 1, head);
    const kept = bytesBetween(this.#log, to - 1, head);
    const leaps = spec.slow !== 'catch-up' || renewed || this.#conflates;
    const isOverdue = this.#isOverdue(from, at);
    if (behind <= settings.maxBytes && isOverdue) this.#law.note('gap: slow, for its age');
    if (behind <= settings.maxBytes && !isOverdue)
      this.#unlessLast = { rule: 'gap', what: `${what()} is needless: ${behind} bytes behind`, at };
    else if (kept <= settings.maxBytes && !leaps && !this.#isOld(to, at))
      this.#unlessLast = {
        rule: 'gap',
        what: `${what()} is too long: offset ${to} is ${kept} bytes back`,
        at,
        mendedBy: to,
      };
  }

  /** Whether a publication would have come later than the limit, as far as the server could know. */
  #isOverdue(offset: number, { at }: Moment): boolean {
    const { lag } = this.#law.settings;
    const published = this.#log[offset - 1]!.at;
    const taken = this.#law.lagIn(published, at);
    return taken !== undefined && !this.#conflates && at - published + taken > lag;
  }

  /** Whether a publication is so old that the next ones would be overdue again. */
  #isOld(offset: number, { at }: Moment): boolean {
    const { lag } = this.#law.settings;
    const published = this.#log[offset - 1]!.at;
    const taken = this.#law.lagIn(published, at);
    return (
      taken !== undefined && !this.#conflates && at - published >= Math.max(0, lag - taken) * FRESH_SHARE
    );
  }

  /** The snapshot of an answer stands for all before it: for what could have come too. */
  #isMended({ snapshot }: Answer, written: Moment): boolean {
    const { at, mendedBy = Infinity } = this.#unlessLast ?? {};
    return at === written && (snapshot?.head ?? -1) >= mendedBy;
  }

  #leftOut(from: number, to: number, reason: string, { at }: Moment, what: () => string): void {
    demand(reason === 'expired' || reason === 'except', 'gap', what);
    for (const { offset, except, expires } of this.#log.slice(from - 1, to)) {
      const right = reason === 'except' ? except === this.#law.connection : expires <= at;
      const replaced = this.#conflates && this.#isReplaced(offset);
      demand(right || replaced, 'gap', () => `${what()}, which is not true of ${this.#name(offset)}`);
    }
  }

  #isReplaced(offset: number): boolean {
    const key = this.#keyOf(this.#log[offset - 1]!);
    return this.#log.slice(offset).some(entry => this.#keyOf(entry) === key);
  }

  /** This was not the end. */
  #goesOn(written: Moment | undefined): void {
    const wrong = this.#unlessLast;
    if (wrong !== undefined && !this.#isOneFlush(wrong.at, written))
      throw new Violation(wrong.rule, wrong.what);
  }

  /** Whether one flush may have written at both moments. A flush of a long last batch is several writes, with pings between. */
  #isOneFlush(first: Moment, next: Moment | undefined): boolean {
    return next !== undefined && next.at - first.at <= this.#law.lateMs();
  }

  /** Of the values up to offset `head`, those that no later one replaces and that are not newer than `to` have come. */
  #hasNewest(head: number, to: number = head): void {
    const newest = new Map<string, Entry>();
    for (const entry of this.#log.slice(this.#start, head)) newest.set(this.#keyOf(entry), entry);
    for (const [key, { offset, except, expires }] of newest) {
      if (offset > to || except === this.#law.connection || expires !== Infinity) continue;
      const has = (this.#newest.get(key) ?? 0) >= offset;
      demand(has, 'newest', () => `${this.#name(offset)}, the newest of key "${key}", never came`);
    }
  }

  #paceOf({ maxRate }: Answer, written: Moment): Pace {
    const { spec, flushedAt, lateMs } = this.#law;
    const interval = Math.max(spec.every, maxRate === undefined ? 0 : 1000 / maxRate);
    return new Pace({ interval, flushedAt, lateMs }, written);
  }

  #keyOf({ key }: Entry): string {
    return this.#law.spec.conflate === 'latest' ? '' : key;
  }

  #name(offset: number): string {
    return `${this.topic}#${offset}`;
  }
}
