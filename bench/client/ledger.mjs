import { topicIndex } from '../message.mjs';
import { Cursors } from './cursors.mjs';

/** Why a server may say that publications are missing. A gap without a reason counts as `unnamed`. */
const REASONS = ['slow', 'expired', 'except', 'unnamed'];

/**
 * What every client has of each of its topics, over all the connections it ever has: a publication must be given to it,
 * be named in a gap, or lie before a `recovered: false`. Each of the three begins where the last one ended.
 *
 * The frame counter moves it on with each publication, and counts what was left out or came again.
 */
export class Ledger extends Cursors {
  /** Publications in gaps, by reason. */
  gaps = Object.fromEntries(REASONS.map(reason => [reason, 0]));
  /** How many gaps there were. */
  gapFrames = 0;
  recovered = 0;
  notRecovered = 0;
  /** Publications that lie before a `recovered: false`. */
  givenUp = 0;
  /** Answers and gaps against the rules. */
  faults = 0;
  firstFault;
  #epochs;
  #tally;

  /**
   * @param {{ connections: number, topics: number, topicsPerConnection: number }} audience
   * @param {import('./frame-counter.mjs').Tally} tally
   */
  constructor({ connections, topics, topicsPerConnection }, tally) {
    super({ connections, topics, perConnection: topicsPerConnection }, { late: false });
    this.#epochs = Array.from({ length: this.next.length });
    this.#tally = tally;
  }

  /** Where a client wants to go on, or undefined before it was ever answered. */
  since(client, topic) {
    const slot = this.#slotOf(client, topic);
    const epoch = this.#epochs[slot];
    return epoch === undefined ? undefined : `${epoch}:${this.next[slot] - 1}`;
  }

  /** The server's answer to a subscribe. */
  answered(client, { topic, position, recovered }) {
    const slot = this.#slotOf(client, topic);
    const colon = position.lastIndexOf(':');
    const epoch = position.slice(0, colon);
    const offset = Number(position.slice(colon + 1));
    const known = this.#epochs[slot];
    if (known === undefined) this.#first(slot, { epoch, offset, recovered });
    else if (recovered === true) this.#goesOn(slot, { epoch, offset, known });
    else if (recovered === false) this.#beginsAnew(slot, { epoch, offset, known });
    else this.#fault(`an answer to a subscribe with since that says nothing of it: ${topic} ${position}`);
  }

  /** A gap frame. */
  gap(client, { topic, from, to, position, reason = 'unnamed' }) {
    const slot = this.#slotOf(client, topic);
    if (!(to >= from) || position !== `${this.#epochs[slot]}:${to}` || this.gaps[reason] === undefined) {
      this.#fault(`a gap of ${topic} from ${from} to ${to} at ${position}, ${reason}`);
    }
    const wanted = this.next[slot];
    if (from > wanted) this.#tally.lost += from - wanted;
    else if (from < wanted) this.#tally.repeated += wanted - from;
    this.gapFrames++;
    this.gaps[reason] += to - from + 1;
    this.next[slot] = to + 1;
  }

  #first(slot, { epoch, offset, recovered }) {
    if (recovered !== undefined) this.#fault(`recovered: ${recovered} without since`);
    this.#epochs[slot] = epoch;
    this.base[slot] = offset;
    this.next[slot] = offset + 1;
  }

  #goesOn(slot, { epoch, offset, known }) {
    this.recovered++;
    if (epoch !== known || offset !== this.next[slot] - 1) {
      this.#fault(`recovered from ${known}:${this.next[slot] - 1}, but at ${epoch}:${offset}`);
    }
  }

  #beginsAnew(slot, { epoch, offset, known }) {
    this.notRecovered++;
    const missed = offset - (this.next[slot] - 1);
    // The topics of the load have history and never go away, so that their epoch is for ever.
    if (epoch !== known || missed < 0) {
      this.#fault(`not recovered from ${known}:${this.next[slot] - 1}, now at ${epoch}:${offset}`);
    }
    this.#epochs[slot] = epoch;
    this.givenUp += missed;
    this.next[slot] = offset + 1;
  }

  #slotOf(client, topic) {
    const slot = this.slot(client, topicIndex(topic));
    if (slot < 0) throw new Error(`a frame about ${topic}, which client ${client} has not`);
    return slot;
  }

  #fault(text) {
    this.faults++;
    this.firstFault ??= text;
  }
}
