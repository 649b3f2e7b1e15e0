import type { Lane } from '../topic/lane.js';
import type { Topic } from '../topic/topic.js';
import type { FlushScheduler, SchedulerClock } from './flush-scheduler.js';

/** Asks for the flushes of a topic: at once, and of lanes with an interval no more often than that. */
export class LanePacer {
  readonly #scheduler: Pick<FlushScheduler, 'request'>;
  readonly #clock: SchedulerClock;
  readonly #timers = new Map<Lane, unknown>();

  constructor(scheduler: Pick<FlushScheduler, 'request'>, clock: SchedulerClock) {
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  /** The topic has something to flush. */
  request(topic: Topic): void {
    if (!topic.conflates) return this.#scheduler.request(topic.lane);
    for (const lane of topic.lanes) this.#requestLane(lane);
  }

  /** Asks for what waits for its time, without waiting any longer. */
  flush(): void {
    for (const [lane, timer] of this.#timers) {
      this.#clock.clearTimeout(timer);
      this.#timers.delete(lane);
      this.#scheduler.request(lane);
    }
  }

  stop(): void {
    for (const timer of this.#timers.values()) this.#clock.clearTimeout(timer);
    this.#timers.clear();
  }

  #requestLane(lane: Lane): void {
    if (this.#timers.has(lane)) return;
    const wait = lane.dueAt - this.#clock.now();
    if (wait <= 0) return this.#scheduler.request(lane);
    const flush = (): void => {
      this.#timers.delete(lane);
      this.#scheduler.request(lane);
    };
    this.#timers.set(lane, this.#clock.setTimeout(flush, wait));
  }
}
