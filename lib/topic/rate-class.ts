/**
 * Publications a second that a client may ask for. It gets the class at or below what it asked, so that the many who ask
 * for nearly the same share their batches.
 */
const CLASSES = [100, 60, 30, 20, 10, 5, 4, 3, 2, 1, 1 / 2, 1 / 5, 1 / 10, 1 / 30, 1 / 60];

/** The class for a rate that a client asks for; undefined for what is no rate, and below one a minute. */
export function rateClass(asked: unknown): number | undefined {
  return typeof asked === 'number' ? CLASSES.find(rate => rate <= asked) : undefined;
}
