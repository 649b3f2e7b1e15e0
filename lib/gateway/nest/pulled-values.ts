import { Readable } from 'node:stream';

/** Values pulled one at a time. */
export interface PulledValues {
  next(...args: [] | [unknown]): Promise<IteratorResult<unknown>>;
  /** Ends the values: the generator runs its `finally`, the stream is destroyed or cancelled. */
  end(): Promise<unknown>;
}

/**
 * Returns the values of an async iterable (such as a generator), a Node stream or a web stream; undefined for any other
 * value. An async iterable that is also a promise, such as a query, counts as a promise. An async iterable with
 * `toJSON()` counts as a single value.
 */
export function pulledValues(value: unknown): PulledValues | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (isNodeStream(value)) return new NodeStreamValues(value);
  if (isFunction(value, 'getReader') && isFunction(value, 'cancel'))
    return new WebStreamValues(value as ReadableStream<unknown>);
  if (!isFunction(value, Symbol.asyncIterator) || isFunction(value, 'then') || isFunction(value, 'toJSON'))
    return undefined;
  return new IterableValues(value as AsyncIterable<unknown>);
}

class IterableValues implements PulledValues {
  readonly #iterator: AsyncIterator<unknown>;

  constructor(values: AsyncIterable<unknown>) {
    this.#iterator = values[Symbol.asyncIterator]();
  }

  next(...args: [] | [unknown]): Promise<IteratorResult<unknown>> {
    return this.#iterator.next(...(args as []));
  }

  async end(): Promise<void> {
    await this.#iterator.return?.();
  }
}

/**
 * Values of a Node stream. Ending them destroys the stream at once; the stream's own iterator would wait for the next
 * chunk.
 */
class NodeStreamValues implements PulledValues {
  readonly #stream: Readable;
  #iterator: AsyncIterator<unknown> | undefined;

  constructor(stream: Readable) {
    this.#stream = stream;
  }

  next(): Promise<IteratorResult<unknown>> {
    this.#iterator ??= this.#stream[Symbol.asyncIterator]();
    return this.#iterator.next();
  }

  async end(): Promise<void> {
    this.#stream.destroy();
  }
}

class WebStreamValues implements PulledValues {
  readonly #stream: ReadableStream<unknown>;
  #reader: ReadableStreamDefaultReader<unknown> | undefined;

  constructor(stream: ReadableStream<unknown>) {
    this.#stream = stream;
  }

  async next(): Promise<IteratorResult<unknown>> {
    this.#reader ??= this.#stream.getReader();
    const { done, value } = await this.#reader.read();
    return done ? { done, value: undefined } : { done, value };
  }

  end(): Promise<void> {
    return (this.#reader ?? this.#stream).cancel();
  }
}

/** Tells whether a value is a Node stream, of Node or of the package readable-stream. */
function isNodeStream(value: object): value is Readable {
  if (value instanceof Readable) return true;
  return ['pipe', 'on', 'destroy', Symbol.asyncIterator].every(name => isFunction(value, name));
}

function isFunction(value: object, name: string | symbol): boolean {
  return typeof (value as Record<string | symbol, unknown>)[name] === 'function';
}
