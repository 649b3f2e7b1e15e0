/** Tells whether a handler returned a promise or another thenable, such as a query builder. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}

/** Copies the name and metadata of a method to its wrapper, for readers such as guards, routes and `Reflector`. */
export function wearMetadata(wrapper: Function, method: Function): void {
  for (const key of Reflect.getMetadataKeys(method)) {
    Reflect.defineMetadata(key, Reflect.getMetadata(key, method), wrapper);
  }
  Object.defineProperty(wrapper, 'name', { value: method.name });
}
