import type { Topic } from '../topic/topic.js';
import type { BatchSink } from '../wire/batch.js';

/** Sockets written between two looks at the clock: 16 writes are about 0.15 ms, a look is 30 ns. */
const WRITES_PER_LOOK = 16;

/** Hands what is pending on a topic to its subscribers; sinks that now need a `write` are added to `touched`. */
export type Deliver = (topic: Topic, touched: BatchSink[]) => void;

/**
 * One flush, in slices: first every topic hands out its batch, then every connection that got one writes, once.
 * The two lists are swapped in and emptied, never made anew.
 */
export class FlushWalk {
  readonly #deliver: Deliver;
  readonly #now: () => number;
  readonly #sinks: BatchSink[] = [];
  #topics: Topic[] = [];
  #topicAt = 0;
  #sinkAt = 0;

  constructor(deliver: Deliver, now: () => number) {
    this.#deliver = deliver;
    this.#now = now;
  }

  /** Takes over a list of topics, and gives an empty one for it: what is published from now on belongs to the next flush. */
  start(topics: Topic[]): Topic[] {
    const empty = this.#topics;
    this.#topics = topics;
    return empty;
  }

  /** Goes on until the end (true) or until the clock says `until` (false). */
  step(until: number): boolean {
    while (this.#topicAt < this.#topics.length) {
      const topic = this.#topics[this.#topicAt++]!;
      topic.dirty = false;
      this.#deliver(topic, this.#sinks);
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
    // Those handed out may be dirty again, on the list of the next flush.
    for (let at = this.#topicAt; at < this.#topics.length; at++) this.#topics[at]!.dirty = false;
    this.#topics.length = this.#sinks.length = this.#topicAt = this.#sinkAt = 0;
  }
}
