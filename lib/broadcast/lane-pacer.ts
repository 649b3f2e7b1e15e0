import type { Clock, Timer } from '../time/clock.js';
import type { Topic } from '../topic/topic.js';
import type { FlushScheduler } from './flush-scheduler.js';

interface Alarm {
  readonly at: number;
  readonly timer: Timer;
}

/**
 * Requests the flushes of a topic: at once, or for a lane with an interval no more often than that. A topic with
 * waiting lanes has one timer, for any number of lanes.
 */
export class LanePacer {
  readonly #scheduler: Pick<FlushScheduler, 'request'>;
  readonly #clock: Clock;
  readonly #alarms = new Map<Topic, Alarm>();

  constructor(scheduler: Pick<FlushScheduler, 'request'>, clock: Clock) {
    this.#scheduler = scheduler;
    this.#clock = clock;
  }

  /** Requests a flush of a topic's new publications. */
  request(topic: Topic): void {
    // Without subscribers the flush only trims the log, and a timer would outlive the topic.
    if (!topic.conflates || topic.vacant) return this.#scheduler.request(topic.lane);
    const now = this.#clock.now();
    let next = Infinity;
    for (const lane of topic.lanes) {
      if (lane.settled >= topic.log.head) continue;
      if (lane.dueAt <= now) this.#scheduler.request(lane);
      else next = Math.min(next, lane.dueAt);
    }
    if (next < Infinity) this.#wake(topic, next, now);
  }

  /** Requests the flush of all waiting lanes now. */
  flush(): void {
    for (const topic of this.#alarms.keys()) {
      this.forget(topic);
      for (const lane of topic.lanes) if (lane.settled < topic.log.head) this.#scheduler.request(lane);
    }
  }

  /** Drops the timer of a topic without subscribers. */
  forget(topic: Topic): void {
    const alarm = this.#alarms.get(topic);
    if (alarm === undefined) return;
    this.#clock.clearTimeout(alarm.timer);
    this.#alarms.delete(topic);
  }

  stop(): void {
    for (const topic of this.#alarms.keys()) this.forget(topic);
  }

  #wake(topic: Topic, at: number, now: number): void {
    const present = this.#alarms.get(topic);
    if (present !== undefined && present.at <= at) return;
    this.forget(topic);
    const ring = (): void => {
      this.#alarms.delete(topic);
      this.request(topic);
    };
    const timer = this.#clock.setTimeout(ring, at - now);
    timer.unref();
    this.#alarms.set(topic, { at, timer });
  }
}
