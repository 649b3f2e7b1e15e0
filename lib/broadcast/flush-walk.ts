import type { Lane } from '../topic/topic.js';
import type { BatchSink } from '../wire/batch.js';
import type { TopicWalk } from './topic-walk.js';

/** Sockets written between two looks at the clock: 16 writes are about 0.15 ms, a look is 30 ns. */
const WRITES_PER_LOOK = 16;

/**
 * One flush, in slices: every lane hands out its batch, then every connection that may have got several writes, once.
 * A connection that cannot get another batch in this flush writes on the spot, while its memory is at hand.
 * The two lists are swapped in and emptied, never made anew.
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

  /** Takes over a list of lanes, and gives an empty one for it: those published to from now on are for the next flush. */
  start(lanes: Lane[]): Lane[] {
    const empty = this.#lanes;
    this.#lanes = lanes;
    return empty;
  }

  /** Goes on until the end (true) or until the clock says `until` (false). */
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

  /** Forgets what is left of the flush. */
  clear(): void {
    this.#topicWalk.clear();
    // Those begun may be dirty again, on the list of the next flush.
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
