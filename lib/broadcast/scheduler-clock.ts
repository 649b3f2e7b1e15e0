/** Time, injected so that tests run a flush by hand. */
export interface SchedulerClock {
  /** Milliseconds with a fraction, monotonic. */
  now(): number;
  setImmediate(callback: () => void): unknown;
  clearImmediate(handle: unknown): void;
  setTimeout(callback: () => void, ms: number): unknown;
  clearTimeout(handle: unknown): void;
}
