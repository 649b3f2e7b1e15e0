import { describe, expect, it } from 'vitest';
import { FanoutError } from '../../../lib/errors/fanout-error.js';
import { SampledErrors } from '../../../lib/observe/sampled-errors.js';

function setup() {
  const lines: unknown[][] = [];
  const clock = { now: 0 };
  const errors = new SampledErrors(() => clock.now, { error: (...line) => void lines.push(line) });
  return { errors, lines, clock };
}

function fail(message: string): Error {
  return new TypeError(message);
}

function failElsewhere(message: string): Error {
  return new TypeError(message);
}

describe('SampledErrors', () => {
  it('logs the first three of a kind in a minute as they are, whatever their messages', () => {
    const { errors, lines } = setup();
    const thrown = Array.from({ length: 1000 }, (_, i) => fail(`of request ${i}`));
    for (const error of thrown) errors.error(error, 'what about');
    expect(lines).toEqual(thrown.slice(0, 3).map(error => [error, 'what about']));
  });

  it('logs the first of a kind however many there were of another', () => {
    const { errors, lines } = setup();
    for (let i = 0; i < 1000; i++) errors.error(fail('often'));
    const rare = failElsewhere('often');
    errors.error(rare);
    expect(lines).toHaveLength(4);
    expect(lines[3]![0]).toBe(rare);
  });

  it('says in the next minute how many were not logged, and logs again', () => {
    const { errors, lines, clock } = setup();
    for (let i = 0; i < 10; i++) errors.error(fail('x'));
    clock.now = 60_000;
    const next = fail('x');
    errors.error(next);
    expect(lines).toHaveLength(5);
    expect(lines[3]![0]).toMatch(
      /^7 more of these were not logged: TypeError at fail .*sampled-errors\.spec/,
    );
    expect(lines[4]![0]).toBe(next);
    clock.now = 120_000;
    errors.error(fail('x'));
    expect(lines).toHaveLength(6);
  });

  it('knows an error by the frames of its stack, not by lines of its message that look like some', () => {
    const { errors, lines } = setup();
    for (let i = 0; i < 100; i++) errors.error(fail(`x\n    at client${i} (evil.js:1:1)`));
    expect(lines).toHaveLength(3);
  });

  it('tells texts apart by what is not quoted in them', () => {
    const { errors, lines } = setup();
    for (let i = 0; i < 100; i++) errors.error(`The source of topic "room.${i}" failed`);
    errors.error('Something else');
    expect(lines.map(([line]) => line)).toEqual([
      'The source of topic "room.0" failed',
      'The source of topic "room.1" failed',
      'The source of topic "room.2" failed',
      'Something else',
    ]);
  });

  it('tells errors of this library apart by their sentence, save for the topic and numbers', () => {
    const { errors, lines } = setup();
    const thrown = (way: 'FANOUT_REPLY' | 'FANOUT_SNAPSHOT', name: string): void =>
      errors.error(new FanoutError(way, name, `at rows[${lines.length}], NaN becomes null`));
    for (let i = 0; i < 50; i++) thrown('FANOUT_SNAPSHOT', `room.${i}`);
    for (let i = 0; i < 50; i++) thrown('FANOUT_REPLY', 'order');
    thrown('FANOUT_REPLY', 'quote');
    expect(lines).toHaveLength(7);
  });

  it('keeps no more than a hundred kinds, and tells of each again when its minute is over', () => {
    const { errors, lines, clock } = setup();
    for (let i = 0; i < 10_000; i++) errors.error(`made up ${i}`);
    expect(lines).toHaveLength(103);
    clock.now = 60_000;
    for (let i = 0; i < 100; i++) errors.error(`new ${i}`);
    expect(lines.slice(103).map(([line]) => line)).toEqual([
      '9897 more of these were not logged: errors of other kinds',
      ...Array.from({ length: 100 }, (_, i) => `new ${i}`),
    ]);
  });

  it.each([
    ['undefined', undefined],
    ['an object', { message: 'x' }],
    ['an error whose stack throws', Object.defineProperty(new Error('x'), 'stack', { get: () => fail('') })],
    [
      'an error whose message throws',
      Object.defineProperty(new Error('x'), 'message', {
        get() {
          throw fail('');
        },
      }),
    ],
  ])('takes %s, three times', (_, error) => {
    const { errors, lines } = setup();
    for (let i = 0; i < 10; i++) errors.error(error);
    expect(lines).toHaveLength(3);
    expect(lines[0]).toEqual([error]);
  });

  it('has nothing in a line of its own that could begin another', () => {
    const { errors, lines, clock } = setup();
    for (let i = 0; i < 4; i++) errors.error('two\nlines');
    clock.now = 60_000;
    errors.error('two\nlines');
    expect(lines[3]).toEqual(['1 more of these were not logged: two\\nlines']);
  });
});
