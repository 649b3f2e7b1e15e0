import type { Clock } from '../../../lib/time/clock.js';

interface Timer {
  at: number;
  readonly every: number | undefined;
  readonly callback: () => void;
  unref(): Timer;
}

/** A clock that stands still until a test moves it, with the timers that hang on it. */
export class HandClock implements Clock {
  time = 0;
  /** What `random()` gives. */
  chance = 0;
  readonly #immediates = new Map<symbol, () => void>();
  readonly #timers = new Set<Timer>();
  /** Timers that were given up with `unref()`, so that they keep no process alive. */
  readonly unreffed = new Set<Timer>();

  readonly now = (): number => this.time;

  readonly wallTime = this.now;

  readonly systemTime = this.now;

  readonly random = (): number => this.chance;

  readonly setImmediate = (callback: () => void): symbol => {
    const handle = Symbol('immediate');
    this.#immediates.set(handle, callback);
    return handle;
  };

  readonly clearImmediate = (handle: unknown): void => void this.#immediates.delete(handle as symbol);

  readonly setTimeout = (callback: () => void, ms: number): Timer => this.#add(callback, ms, undefined);

  readonly clearTimeout = (timer: unknown): void => void this.#timers.delete(timer as Timer);

  readonly setInterval = (callback: () => void, ms: number): Timer => this.#add(callback, ms, ms);

  readonly clearInterval = (timer: unknown): void => void this.#timers.delete(timer as Timer);

  get immediates(): number {
    return this.#immediates.size;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Milliseconds until the next timer, or undefined without one. */
  get nextIn(): number | undefined {
    return this.#timers.size === 0 ? undefined : this.#next().at - this.time;
  }

  /** Runs the immediates of this loop turn; those they set belong to the next. */
  turn(): void {
    const due = [...this.#immediates.values()];
    this.#immediates.clear();
    for (const callback of due) callback();
  }

  /** Lets time pass; timers run in order at their time, immediates do not run. */
  advance(ms: number): void {
    const until = this.time + ms;
    while (this.#timers.size > 0 && this.#next().at <= until) {
      const timer = this.#next();
      this.time = Math.max(this.time, timer.at);
      if (timer.every === undefined) this.#timers.delete(timer);
      else timer.at += timer.every;
      timer.callback();
    }
    this.time = Math.max(this.time, until);
  }

  /** The loop stands still: time passes, and late intervals run once, as those of Node do. */
  stall(ms: number): void {
    this.time += ms;
    for (const timer of this.#timers) {
      if (timer.at > this.time) continue;
      timer.at = this.time + (timer.every ?? 0);
      if (timer.every === undefined) this.#timers.delete(timer);
      timer.callback();
    }
  }

  /** Turns and timers until nothing is armed. */
  settle(): void {
    for (let i = 0; i < 10_000; i++) {
      if (this.#immediates.size > 0) this.turn();
      else if (this.#timers.size > 0) this.advance(this.nextIn!);
      else return;
    }
    throw new Error('the clock never comes to rest');
  }

  #add(callback: () => void, ms: number, every: number | undefined): Timer {
    const timer: Timer = {
      at: this.time + ms,
      every,
      callback,
      unref: () => {
        this.unreffed.add(timer);
        return timer;
      },
    };
    this.#timers.add(timer);
    return timer;
  }

  #next(): Timer {
    let next: Timer | undefined;
    for (const timer of this.#timers) if (next === undefined || timer.at < next.at) next = timer;
    return next!;
  }
}
