import type { Clock, Timer } from '../time/clock.js';
import { HeapUse } from './heap-use.js';
import type { Load, Overload } from './load.js';
import { LoopDelay } from './loop-delay.js';

/** Time between two ticks of the monitor, and between two looks at the heap. Milliseconds. */
const TICK_MS = 100;
const HEAP_MS = 1000;

/** A server on the edge sheds on and off: the end is told when it has not for this long. Milliseconds. */
const CALM_MS = 10_000;

/** Process as read by the monitor, injected for tests. */
export interface LoadProbe extends Pick<Clock, 'now' | 'setInterval' | 'clearInterval'> {
  /** Share of the heap limit that is used. */
  readonly heapShare: () => number;
}

/** Thresholds above which the monitor reports an overload; 0 is no limit. */
export interface LoadLimits {
  /** Milliseconds that the event loop may be late. */
  readonly loopDelay: number;
  /** Share of the heap limit that may be used. */
  readonly heap: number;
}

/** Log for the beginning and end of shedding. Single refusals are counted elsewhere. */
export interface LoadLog {
  warn(line: string): void;
  log(line: string): void;
}

/**
 * Finds out with one timer whether this process has more to do than it can: by how late the timer itself runs, and by a
 * look at the heap each second. See {@link LoopDelay} and {@link HeapUse} for what counts.
 */
export class LoadMonitor implements Load {
  readonly #probe: LoadProbe;
  readonly #limits: LoadLimits;
  readonly #log: LoadLog;
  readonly #loop: LoopDelay | undefined;
  readonly #heap: HeapUse | undefined;
  readonly #tickMs: number;
  #timer: Timer | undefined;
  #lastTick = 0;
  #heapDue = 0;
  #overload: Overload | undefined;
  /** Times of the logged shedding: its beginning, and when it was last needed. */
  #told: { readonly since: number; last: number } | undefined;

  constructor(probe: LoadProbe, limits: LoadLimits, log: LoadLog) {
    this.#probe = probe;
    this.#limits = limits;
    this.#log = log;
    this.#loop = limits.loopDelay > 0 ? new LoopDelay(limits.loopDelay) : undefined;
    this.#heap = limits.heap > 0 ? new HeapUse(limits.heap) : undefined;
    this.#tickMs = this.#loop === undefined ? HEAP_MS : TICK_MS;
  }

  get overload(): Overload | undefined {
    return this.#overload;
  }

  /** Begins to watch. Without limits there is nothing to watch, and no timer. The timer keeps no process alive. */
  start(): void {
    if (this.#timer !== undefined || (this.#loop === undefined && this.#heap === undefined)) return;
    this.#lastTick = this.#probe.now();
    this.#heapDue = this.#lastTick + HEAP_MS;
    this.#timer = this.#probe.setInterval(this.#tick, this.#tickMs);
    this.#timer.unref();
  }

  /** Ends watching; there is no overload from now on. */
  stop(): void {
    this.#probe.clearInterval(this.#timer);
    this.#timer = undefined;
    this.#overload = undefined;
  }

  readonly #tick = (): void => {
    const now = this.#probe.now();
    const elapsed = now - this.#lastTick;
    this.#lastTick = now;
    this.#loop?.note(Math.max(0, elapsed - this.#tickMs), elapsed);
    if (now >= this.#heapDue) {
      this.#heapDue = now + HEAP_MS;
      this.#heap?.note(this.#probe.heapShare());
    }
    this.#overload = this.#loop?.high ? 'loop-delay' : this.#heap?.high ? 'heap' : undefined;
    this.#tell(now);
  };

  #tell(now: number): void {
    if (this.#overload !== undefined) {
      if (this.#told === undefined) {
        this.#told = { since: now, last: now };
        this.#log.warn(`${this.#reason(this.#overload)}: new connections and subscriptions are refused`);
      }
      this.#told.last = now;
    } else if (this.#told !== undefined && now - this.#told.last >= CALM_MS) {
      const seconds = Math.round((this.#told.last - this.#told.since) / 1000);
      this.#told = undefined;
      this.#log.log(`new connections and subscriptions are let in again, after ${seconds} s of overload`);
    }
  }

  #reason(overload: Overload): string {
    return overload === 'loop-delay'
      ? `the event loop is more than ${this.#limits.loopDelay} ms late (limits.loopDelay)`
      : `more than ${Math.round(this.#limits.heap * 100)} % of the heap limit is in use (limits.heap)`;
  }
}
