import { Readable } from 'node:stream';
import { type PulledValues, pulledValues } from './pulled-values.js';

/**
 * Makes a stream of the same kind (async iterable, Node stream or web stream) that publishes each value when the caller
 * takes the value. Pulls nothing before that. Returns undefined if the result is not such a stream.
 */
export function publishingStream(result: unknown, publish: (value: unknown) => void): object | undefined {
  const values = pulledValues(result);
  if (values === undefined) return undefined;
  const iterator = new PublishingIterator(values, publish);
  if (result instanceof Readable) return Readable.from(iterator, { objectMode: true, highWaterMark: 1 });
  return 'getReader' in (result as object) ? webStream(iterator) : iterator;
}

class PublishingIterator implements AsyncIterableIterator<unknown> {
  readonly #values: PulledValues;
  readonly #publish: (value: unknown) => void;

  constructor(values: PulledValues, publish: (value: unknown) => void) {
    this.#values = values;
    this.#publish = publish;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(...args: [] | [unknown]): Promise<IteratorResult<unknown>> {
    const result = await this.#values.next(...args);
    if (result.done) return result;
    try {
      this.#publish(result.value);
    } catch (error) {
      await this.#values.end();
      throw error;
    }
    return result;
  }

  async return(value?: unknown): Promise<IteratorResult<unknown>> {
    await this.#values.end();
    return { done: true, value };
  }
}

function webStream(iterator: PublishingIterator): ReadableStream<unknown> {
  return new ReadableStream<unknown>(
    {
      pull: async controller => {
        const { done, value } = await iterator.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
      cancel: async () => void (await iterator.return()),
    },
    { highWaterMark: 0 },
  );
}
