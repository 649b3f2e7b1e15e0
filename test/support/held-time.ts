import { onTestFinished, vi } from 'vitest';

/** The time of the server, which passes when a test says so. Its timers run as ever. */
export interface HeldTime {
  /** Milliseconds. */
  readonly now: number;
  pass(ms: number): void;
}

/** Holds `performance.now()`, the one clock of the server, until the test ends. */
export function heldTime(): HeldTime {
  let now = performance.now();
  const held = vi.spyOn(performance, 'now').mockImplementation(() => now);
  onTestFinished(() => held.mockRestore());
  return {
    get now() {
      return now;
    },
    pass: ms => void (now += ms),
  };
}
