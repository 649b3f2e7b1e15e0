/** Whether a handler returned a promise, its own or that of a library: query builders are thenables without being Promises. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Makes a wrapper look like the method it wraps to whoever reads metadata from it: guards, routes, `Reflector`. */
export function wearMetadata(wrapper: Function, method: Function): void {
  for (const key of Reflect.getMetadataKeys(method)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), wrapper);
  }
  Object.defineProperty(wrapper, 'name', { value: method.name });
}
