import { createHistogram } from 'node:perf_hooks';
import { keyOf, newestOfKeys, POLICIES } from '../lines/topics.mjs';
import { nowUs } from '../message.mjs';
import { Ledger } from './ledger.mjs';

const AUDIENCE = { connections: POLICIES.length, topics: POLICIES.length, topicsPerConnection: 1 };

/** What a client at the end of a line was given, how old it was when it came, and what the client was told is missing. */
export class LineAccount {
  /** The number of the policy, which is that of the topic too. */
  #policy;
  #conflates;
  #tally = { lost: 0, repeated: 0 };
  #ledger = new Ledger(AUDIENCE, this.#tally);
  #ages = createHistogram();
  #publications = 0;
  #newestAt;
  #stalestUs = 0;
  #seqOfKey = new Map();
  #toldUpTo = 0;
  #over = false;

  /** @param {string} policy of the topic */
  constructor(policy) {
    this.#policy = POLICIES.indexOf(policy);
    this.#conflates = policy === 'conflate';
  }

  /** The age of the newest publication that the client has, in milliseconds; undefined before the first. */
  get staleMs() {
    return this.#newestAt === undefined ? undefined : (nowUs() - this.#newestAt) / 1000;
  }

  get gapFrames() {
    return this.#ledger.gapFrames;
  }

  /** Where the client wants to go on. */
  since(topic) {
    return this.#ledger.since(this.#policy, topic);
  }

  subscribed(data) {
    this.#ledger.answered(this.#policy, data);
  }

  publication({ offset, data: { at, seq } }) {
    if (!this.#over) this.#came(at);
    const { next } = this.#ledger;
    const wanted = next[this.#policy];
    if (offset < wanted) this.#tally.repeated++;
    else if (!this.#conflates) this.#tally.lost += offset - wanted;
    next[this.#policy] = offset + 1;
    if (this.#conflates) this.#seqOfKey.set(keyOf(seq), seq);
  }

  #came(at) {
    const now = nowUs();
    this.#publications++;
    this.#ages.record(Math.max(1, now - at));
    this.#stalestUs = Math.max(this.#stalestUs, now - (this.#newestAt ?? now));
    this.#newestAt = Math.max(this.#newestAt ?? 0, at);
  }

  gap(data) {
    const { lost } = this.#tally;
    this.#ledger.gap(this.#policy, data);
    // What lies before it, newer values of the same keys stand for.
    if (this.#conflates) this.#tally.lost = lost;
    this.#toldUpTo = data.to - this.#ledger.base[this.#policy];
  }

  /** Nothing more is published. What still comes is old without anybody's fault, and counts no more but for what is missing. */
  over() {
    this.#over = true;
  }

  /** How many keys the client has not the newest value of, nor was told that it is missing; 0 where every publication counts. */
  missingKeys(lastSeq) {
    if (!this.#conflates) return 0;
    return newestOfKeys(lastSeq).filter(
      seq => seq > this.#toldUpTo && (this.#seqOfKey.get(keyOf(seq)) ?? 0) < seq,
    ).length;
  }

  report() {
    const { gaps, gapFrames, recovered, notRecovered, givenUp, faults, firstFault } = this.#ledger;
    const ms = us => us / 1000;
    return {
      publications: this.#publications,
      p50: ms(this.#ages.percentile(50)),
      p99: ms(this.#ages.percentile(99)),
      max: ms(this.#ages.max),
      stalest: ms(this.#stalestUs),
      gaps,
      gapFrames,
      recovered,
      notRecovered,
      givenUp,
      lost: this.#tally.lost,
      wrong: this.#tally.repeated + faults,
      firstFault,
    };
  }
}
