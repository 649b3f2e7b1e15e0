import type { Counters } from '../observe/counters.js';
import type { Clock, Timer } from '../time/clock.js';
import type { Lane, Topic } from '../topic/topic.js';
import type { FlushWalk } from './flush-walk.js';

/** Timing of flushes; see `FlushOptions` for the meaning of each number. */
export interface FlushTiming {
  readonly maxDelay: number;
  readonly maxBytes: number;
  readonly utilisation: number;
  readonly slice: number;
  readonly window: number | undefined;
}

/** Weight of a new measurement of the flush cost: about the last five flushes count. */
const SMOOTHING = 0.2;

/**
 * Decides when pending publications are flushed, and spreads a flush over slices.
 *
 * Idle, a flush runs at the end of the loop turn. Under load the next flush waits `cost × (1 − u) / u`, so that
 * flushing takes the share `u` of the loop and batches grow with the load. A flush writes to each connection once, in
 * slices between which the loop turns. Publications during a flush are also for the next flush.
 */
export class FlushScheduler {
  readonly #walk: FlushWalk;
  readonly #slice: FairSlice;
  readonly #counters: Counters;
  #dirty: Lane[] = [];
  #walking = false;
  #timer: unknown;
  #immediate: unknown;
  #cost = 0;
  #spent = 0;
  #endedAt = -Infinity;
  #waiting: (() => void)[] = [];

  constructor(
    walk: FlushWalk,
    readonly timing: FlushTiming,
    readonly clock: Clock,
    counters: Counters,
  ) {
    this.#walk = walk;
    this.#slice = new FairSlice(timing.slice);
    this.#counters = counters;
  }

  /** Requests a flush of a lane. */
  request(lane: Lane): void {
    if (!lane.dirty) {
      lane.dirty = true;
      this.#dirty.push(lane);
    }
    if (this.#walking || this.#immediate !== undefined) return;
    if (this.#full(lane)) this.#arm(0);
    else if (this.#timer === undefined) this.#arm(this.#wait());
  }

  /** Flushes pending publications without waiting for the window. Resolves when they were given to the sockets. */
  async flush(): Promise<void> {
    // At most the running walk and one more. Later publications are not waited for.
    for (let rounds = (this.#walking ? 1 : 0) + (this.#dirty.length > 0 ? 1 : 0); rounds > 0; rounds--) {
      if (!this.#walking && this.#dirty.length === 0) return;
      const ended = new Promise<void>(resolve => this.#waiting.push(resolve));
      if (!this.#walking) this.#begin();
      await ended;
    }
  }

  /** Cancels an armed or running flush. The next request starts anew. */
  stop(): void {
    this.#disarm();
    this.#walk.clear();
    this.#finish();
  }

  #full(lane: Lane): boolean {
    return lane.pendingBytes >= this.timing.maxBytes;
  }

  #wait(): number {
    const { window, utilisation, maxDelay } = this.timing;
    if (window !== undefined) return window;
    const pause = Math.min((this.#cost * (1 - utilisation)) / utilisation, maxDelay);
    return this.#endedAt + pause - this.clock.now();
  }

  #arm(wait: number): void {
    this.#disarm();
    this.#slice.due(this.clock.now() + Math.max(wait, 0));
    // A timer of less than a millisecond would be rounded up to one.
    if (wait < 0.5) this.#immediate = this.clock.setImmediate(this.#begin);
    else this.#timer = this.clock.setTimeout(this.#begin, wait);
  }

  #disarm(): void {
    if (this.#immediate !== undefined) this.clock.clearImmediate(this.#immediate);
    if (this.#timer !== undefined) this.clock.clearTimeout(this.#timer);
    this.#immediate = this.#timer = undefined;
  }

  readonly #begin = (): void => {
    this.#disarm();
    this.#walking = true;
    this.#spent = 0;
    this.#dirty = this.#walk.start(this.#dirty);
    this.#step();
  };

  readonly #step = (): void => {
    this.#immediate = undefined;
    const from = this.clock.now();
    let done: boolean;
    try {
      done = this.#walk.step(this.#slice.endOf(from));
    } catch (error) {
      // The process may be out of memory. The cursors have not moved, so these publications go with the next ones.
      this.#walk.clear();
      this.#end();
      throw error;
    }
    this.#spent += this.clock.now() - from;
    if (done) return this.#end();
    this.#slice.due(this.clock.now());
    this.#immediate = this.clock.setImmediate(this.#step);
  };

  #end(): void {
    this.#cost += (this.#spent - this.#cost) * SMOOTHING;
    this.#endedAt = this.clock.now();
    this.#counters.flushes++;
    this.#counters.flushMs += this.#spent;
    this.#finish();
    if (this.#dirty.length > 0) this.#arm(this.#dirty.some(lane => this.#full(lane)) ? 0 : this.#wait());
  }

  #finish(): void {
    this.#walking = false;
    const ended = this.#waiting;
    this.#waiting = [];
    for (const resolve of ended) resolve();
  }
}

/** Factor between the usual slice and the longest. */
const LONGEST = 4;

/**
 * Length of a slice of a flush before the event loop turns: the usual slice, or the time for which the loop has kept
 * the flush waiting, up to the longest. So a flood of messages, or a garbage collection, takes no more of the loop than
 * a flush, unless its turns are longer than the longest slice.
 */
export class FairSlice {
  #dueAt = 0;

  /** @param usual milliseconds of a slice that did not have to wait */
  constructor(readonly usual: number) {}

  /** Notes that the next slice is due at `time`. */
  due(time: number): void {
    this.#dueAt = time;
  }

  /** Returns the end of a slice that begins now. */
  endOf(now: number): number {
    return now + Math.min(Math.max(now - this.#dueAt, this.usual), this.usual * LONGEST);
  }
}

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
      if (lane.dueAt === undefined || lane.dueAt <= now) this.#scheduler.request(lane);
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
