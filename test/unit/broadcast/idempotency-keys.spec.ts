import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IdempotencyKeys, KEY_MS, MOST_KEYS, type Receipt } from '../../../lib/broadcast/idempotency-keys.js';
import { HandClock } from '../../support/unit/hand-clock.js';

const receipt = (subscribers: number): Receipt => ({ subscribers, position: `e:${subscribers}` });

describe('IdempotencyKeys', () => {
  it('remembers by topic and key, whatever is in the key', { timeout: 30_000 }, () => {
    const key = fc.oneof(fc.constantFrom('k', 'b k'), fc.string({ unit: 'binary', minLength: 1 }));
    const pair = fc.tuple(fc.constantFrom('a', 'a.b'), key);
    fc.assert(
      fc.property(fc.uniqueArray(pair, { selector: ([topic, name]) => `${topic} ${name}` }), pairs => {
        const keys = new IdempotencyKeys(() => 0);
        for (const [topic, name] of pairs) expect(keys.find(topic, name)).toBeUndefined();
        pairs.forEach(([topic, name], i) => keys.remember(topic, name, receipt(i)));
        pairs.forEach(([topic, name], i) => expect(keys.find(topic, name)).toEqual(receipt(i)));
      }),
    );
  });

  it('tells lone surrogates apart', () => {
    const keys = new IdempotencyKeys(() => 0);
    keys.remember('t', '\ud800', receipt(1));
    expect(keys.find('t', '\ud801')).toBeUndefined();
  });

  it(
    'remembers each for its time at least and for twice that at most, and never more than it may',
    { timeout: 30_000 },
    () => {
      const step = fc.oneof(
        { weight: 3, arbitrary: fc.constant('key' as const) },
        { weight: 1, arbitrary: fc.nat(150) },
      );
      fc.assert(
        fc.property(
          fc.array(step, { size: 'max', maxLength: 80 }),
          fc.constantFrom(2, 10, 1000),
          (steps, most) => {
            const clock = new HandClock();
            const keys = new IdempotencyKeys(clock.now, 100, most);
            const remembered: number[] = [];
            for (const one of steps) {
              if (one === 'key') {
                keys.remember('t', `${remembered.length}`, receipt(remembered.length));
                remembered.push(clock.now());
              } else {
                clock.advance(one);
              }
              remembered.forEach((at, i) => {
                const age = clock.now() - at;
                const found = keys.find('t', `${i}`);
                if (found !== undefined) expect(found).toEqual(receipt(i));
                if (age < 100 && remembered.length - i <= most / 2) expect(found).toBeDefined();
                if (age >= 200) expect(found).toBeUndefined();
              });
              expect(keys.size).toBeLessThanOrEqual(most);
            }
          },
        ),
        { numRuns: 50 },
      );
    },
  );

  it('forgets everything at the first question after a long silence', () => {
    const clock = new HandClock();
    const keys = new IdempotencyKeys(clock.now);
    clock.advance(KEY_MS - 1);
    keys.remember('t', 'k', receipt(1));
    clock.advance(KEY_MS - 1);
    expect(keys.find('t', 'k')).toEqual(receipt(1));
    clock.advance(2 * KEY_MS);
    expect(keys.find('t', 'other')).toBeUndefined();
    expect(keys.size).toBe(0);
    expect(clock.timers).toBe(0);
  });

  it('holds 100,000 keys at most, the newest 50,000 in any case', () => {
    const keys = new IdempotencyKeys(() => 0);
    for (let i = 0; i < 1.7 * MOST_KEYS; i++) keys.remember('t', `${i}`, receipt(i));
    expect(MOST_KEYS).toBe(100_000);
    expect(keys.size).toBeLessThanOrEqual(MOST_KEYS);
    for (const ago of [1, 25_000, 50_000]) {
      const i = 1.7 * MOST_KEYS - ago;
      expect(keys.find('t', `${i}`)).toEqual(receipt(i));
    }
    expect(keys.find('t', `${0.7 * MOST_KEYS - 1}`)).toBeUndefined();
  });
});
