import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { publishingStream } from '../../../../lib/gateway/nest/published-values.js';

async function* letters(ended: string[] = []): AsyncGenerator<string> {
  try {
    yield 'a';
    yield 'b';
  } finally {
    ended.push('ended');
  }
}

/** Takes all values of a stream, and gives them together with what was published. */
async function both(result: unknown): Promise<[unknown[], unknown[]]> {
  const published: unknown[] = [];
  const taken: unknown[] = [];
  const stream = publishingStream(result, value => published.push(value));
  for await (const value of stream as AsyncIterable<unknown>) taken.push(value);
  return [taken, published];
}

describe('publishingStream', () => {
  it('publishes each value of a generator, a Node stream and a web stream, which stays of its kind', async () => {
    for (const make of [letters, () => Readable.from(letters()), () => ReadableStream.from(letters())])
      expect(await both(make())).toEqual([
        ['a', 'b'],
        ['a', 'b'],
      ]);
    const none = (): void => {};
    expect(publishingStream(Readable.from([]), none)).toBeInstanceOf(Readable);
    expect(publishingStream(ReadableStream.from([]), none)).toBeInstanceOf(ReadableStream);
  });

  it('publishes nothing before the caller takes a value', async () => {
    const published: unknown[] = [];
    const stream = publishingStream(letters(), value => published.push(value)) as AsyncIterator<unknown>;
    expect(published).toEqual([]);
    await stream.next();
    expect(published).toEqual(['a']);
  });

  it('ends the values when one of them cannot be published', async () => {
    const ended: string[] = [];
    const fail = (): never => {
      throw new Error('no JSON');
    };
    const stream = publishingStream(letters(ended), fail) as AsyncIterator<unknown>;
    await expect(stream.next()).rejects.toThrow('no JSON');
    expect(ended).toEqual(['ended']);
  });

  it('ends the values when the caller does', async () => {
    const ended: string[] = [];
    const stream = publishingStream(letters(ended), () => {}) as AsyncGenerator<unknown>;
    await stream.next();
    expect(await stream.return('done')).toEqual({ done: true, value: 'done' });
    expect(ended).toEqual(['ended']);
  });

  it.each([1, null, [1], { toJSON: () => 1, [Symbol.asyncIterator]: letters }])(
    'makes no stream of %o',
    value => {
      expect(publishingStream(value, () => {})).toBeUndefined();
    },
  );
});
