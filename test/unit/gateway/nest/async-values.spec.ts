import { lastValueFrom, Observable, of, toArray } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { passOn } from '../../../../lib/gateway/nest/async-values.js';
import type { Invocation } from '../../../../lib/gateway/nest/invocation.js';

const invocation = (more: Partial<Invocation> = {}): Invocation => ({ streamed: stream => stream, ...more });

async function* numbers(most: number, ended: { value: boolean }): AsyncGenerator<number> {
  try {
    for (let at = 1; at <= most; at++) yield at;
  } finally {
    ended.value = true;
  }
}

describe('passOn', () => {
  it.each([1, 'text', null, undefined, { a: 1 }, [1, 2]])('returns %o unchanged', value => {
    expect(passOn(invocation(), value)).toBe(value);
  });

  it('tells the invocation of an Observable, and returns what the invocation makes of it', () => {
    const other = of(2);
    expect(passOn(invocation({ streamed: () => other }), of(1))).toBe(other);
  });

  it('makes an Observable of a generator', async () => {
    const stream = passOn(invocation(), numbers(40, { value: false })) as Observable<number>;
    expect(await lastValueFrom(stream.pipe(toArray()))).toHaveLength(40);
  });

  it('pulls no value before the last was taken', async () => {
    const turns: (() => void)[] = [];
    const ended = { value: false };
    const inTurn = (act: () => void): Promise<void> =>
      new Promise(resolve => {
        turns.push(() => {
          act();
          resolve();
        });
      });
    const seen: number[] = [];
    const stream = passOn(invocation({ inTurn }), numbers(3, ended)) as Observable<number>;
    stream.subscribe(value => seen.push(value));
    await new Promise(setImmediate);
    expect([seen, turns.length]).toEqual([[], 1]);
    turns.shift()!();
    await new Promise(setImmediate);
    expect([seen, ended.value]).toEqual([[1], false]);
  });

  it('ends the generator of a stream that is unsubscribed', async () => {
    const ended = { value: false };
    const stream = passOn(invocation(), numbers(1_000_000, ended)) as Observable<number>;
    const subscription = stream.subscribe(value => {
      if (value === 2) queueMicrotask(() => subscription.unsubscribe());
    });
    await expect.poll(() => ended.value).toBe(true);
  });

  it('tells the invocation of an error in the end of a generator', async () => {
    const broken = new Error('broken');
    const failures: unknown[] = [];
    const values = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => {}),
        return: () => Promise.reject(broken),
      }),
    };
    const stream = passOn(
      invocation({ teardownFailed: error => failures.push(error) }),
      values,
    ) as Observable<number>;
    stream.subscribe().unsubscribe();
    await expect.poll(() => failures).toEqual([broken]);
  });
});
