import type { Lane } from '../topic/topic.js';
import type { BatchSink } from '../wire/batch.js';
import type { TopicWalk } from './topic-walk.js';

/** Sockets written between two looks at the clock: 16 writes take about 0.15 ms, a look takes 30 ns. */
const WRITES_PER_LOOK = 16;

/**
 * One flush in slices. Every lane delivers its batch. Then each connection that may have got several batches is written
 * once. A connection that cannot get another batch in this flush is written at once, while its memory is in the cache.
 * The two lists are swapped and emptied, never allocated anew.
 */
export class FlushWalk {
  readonly #topicWalk: Pick<TopicWalk, 'begin' | 'step' | 'clear'>;
  readonly #now: () => number;
  readonly #sinks: BatchSink[] = [];
  #lanes: Lane[] = [];
  #laneAt = 0;
  #laneBegun = false;
  #sinkAt = 0;

  constructor(topicWalk: Pick<TopicWalk, 'begin' | 'step' | 'clear'>, now: () => number) {
    this.#topicWalk = topicWalk;
    this.#now = now;
  }

  /** Takes over a list of lanes, and returns an empty one. Later publications are for the next flush. */
  start(lanes: Lane[]): Lane[] {
    const empty = this.#lanes;
    this.#lanes = lanes;
    return empty;
  }

  /** Continues until the end (true) or until the time `until` (false). */
  step(until: number): boolean {
    const later = this.#lanes.length === 1 ? undefined : this.#sinks;
    while (this.#laneAt < this.#lanes.length) {
      if (!this.#laneBegun) this.#begin(this.#lanes[this.#laneAt]!);
      if (!this.#topicWalk.step(until, later)) return false;
      this.#laneBegun = false;
      this.#laneAt++;
      if (this.#now() >= until) return false;
    }
    while (this.#sinkAt < this.#sinks.length) {
      this.#sinks[this.#sinkAt++]!.write();
      if (this.#sinkAt % WRITES_PER_LOOK === 0 && this.#now() >= until) return false;
    }
    this.clear();
    return true;
  }

  /** Drops the rest of the flush. */
  clear(): void {
    this.#topicWalk.clear();
    // Lanes already begun may be dirty again, on the list of the next flush.
    const next = this.#laneAt + (this.#laneBegun ? 1 : 0);
    for (let at = next; at < this.#lanes.length; at++) this.#lanes[at]!.dirty = false;
    this.#lanes.length = this.#sinks.length = this.#laneAt = this.#sinkAt = 0;
    this.#laneBegun = false;
  }

  #begin(lane: Lane): void {
    this.#laneBegun = true;
    lane.dirty = false;
    this.#topicWalk.begin(lane);
  }
}
