import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { pulledValues } from '../../../../lib/gateway/nest/pulled-values.js';

/** A stream as the package readable-stream makes it: with the methods of Node's class, and not derived from it. */
class ForeignStream {
  readonly #stream = new PassThrough({ objectMode: true });
  pipe(): void {}

  on(event: string, listener: () => void): void {
    this.#stream.on(event, listener);
  }

  destroy(): void {
    this.#stream.destroy();
  }

  get destroyed(): boolean {
    return this.#stream.destroyed;
  }

  [Symbol.asyncIterator](): AsyncIterator<unknown> {
    return this.#stream[Symbol.asyncIterator]();
  }
}

describe('a stream that is not of the class of Node', () => {
  it('is destroyed at its end, though its next value is waited for', async () => {
    const stream = new ForeignStream();
    const values = pulledValues(stream)!;
    const next = values.next().catch((error: unknown) => error);
    await values.end();
    expect(stream.destroyed).toBe(true);
    await next;
  });
});
