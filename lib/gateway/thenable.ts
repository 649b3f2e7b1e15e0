/** Whether a handler returned a promise, its own or that of a library: query builders are thenables without being Promises. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
