import type { Clock } from '../time/clock.js';
import type { BatchSink } from '../wire/batch.js';
import type { JoinedBatches } from '../wire/joined-batches.js';

/**
 * Writes at the end of the loop turn, for frames that are not part of a flush: replies, answers, errors. One write per
 * connection.
 */
export class TurnWrites {
  #sinks: BatchSink[] = [];
  #spare: BatchSink[] = [];
  readonly #clock: Pick<Clock, 'setImmediate'>;
  readonly #joined: JoinedBatches;

  /** @param joined makes one buffer of many small frames */
  constructor(clock: Pick<Clock, 'setImmediate'>, joined: JoinedBatches) {
    this.#clock = clock;
    this.#joined = joined;
  }

  request(sink: BatchSink): void {
    if (this.#sinks.push(sink) === 1) this.#clock.setImmediate(this.#write);
  }

  readonly #write = (): void => {
    const sinks = this.#sinks;
    this.#sinks = this.#spare;
    this.#spare = sinks;
    for (const sink of sinks) sink.write(this.#joined);
    this.#joined.clear();
    sinks.length = 0;
  };
}
