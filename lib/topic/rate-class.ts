/**
 * Rates in publications per second. A client gets the class at or below its requested rate, so that clients with nearly
 * the same rate share their batches.
 */
const CLASSES = [100, 60, 30, 20, 10, 5, 4, 3, 2, 1, 1 / 2, 1 / 5, 1 / 10, 1 / 30, 1 / 60];

/** Returns the class of a requested rate; undefined for an invalid rate, and below one a minute. */
export function rateClass(asked: unknown): number | undefined {
  return typeof asked === 'number' ? CLASSES.find(rate => rate <= asked) : undefined;
}
