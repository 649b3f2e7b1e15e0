import type { Topic } from '../topic/topic.js';
import type { BatchSink } from '../wire/batch.js';
import type { TopicWalk } from './topic-walk.js';

/** Sockets written between two looks at the clock: 16 writes are about 0.15 ms, a look is 30 ns. */
const WRITES_PER_LOOK = 16;

/**
 * One flush, in slices: every topic hands out its batch, then every connection that may have got several writes, once.
 * A connection that cannot get another batch in this flush writes on the spot, while its memory is at hand.
 * The two lists are swapped in and emptied, never made anew.
 */
export class FlushWalk {
  readonly #topicWalk: Pick<TopicWalk, 'begin' | 'step' | 'clear'>;
  readonly #now: () => number;
  readonly #sinks: BatchSink[] = [];
  #topics: Topic[] = [];
  #topicAt = 0;
  #topicBegun = false;
  #sinkAt = 0;

  constructor(topicWalk: Pick<TopicWalk, 'begin' | 'step' | 'clear'>, now: () => number) {
    this.#topicWalk = topicWalk;
    this.#now = now;
  }

  /** Takes over a list of topics, and gives an empty one for it: topics published to from now on are for the next flush. */
  start(topics: Topic[]): Topic[] {
    const empty = this.#topics;
    this.#topics = topics;
    return empty;
  }

  /** Goes on until the end (true) or until the clock says `until` (false). */
  step(until: number): boolean {
    const later = this.#topics.length === 1 ? undefined : this.#sinks;
    while (this.#topicAt < this.#topics.length) {
      if (!this.#topicBegun) this.#begin(this.#topics[this.#topicAt]!);
      if (!this.#topicWalk.step(until, later)) return false;
      this.#topicBegun = false;
      this.#topicAt++;
      if (this.#now() >= until) return false;
    }
    while (this.#sinkAt < this.#sinks.length) {
      this.#sinks[this.#sinkAt++]!.write();
      if (this.#sinkAt % WRITES_PER_LOOK === 0 && this.#now() >= until) return false;
    }
    this.clear();
    return true;
  }

  /** Forgets what is left of the flush. */
  clear(): void {
    this.#topicWalk.clear();
    // Those begun may be dirty again, on the list of the next flush.
    const next = this.#topicAt + (this.#topicBegun ? 1 : 0);
    for (let at = next; at < this.#topics.length; at++) this.#topics[at]!.dirty = false;
    this.#topics.length = this.#sinks.length = this.#topicAt = this.#sinkAt = 0;
    this.#topicBegun = false;
  }

  #begin(topic: Topic): void {
    this.#topicBegun = true;
    topic.dirty = false;
    this.#topicWalk.begin(topic);
  }
}
