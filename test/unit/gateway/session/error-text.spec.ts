import { describe, expect, it } from 'vitest';
import { textOf } from '../../../../lib/gateway/session/error-text.js';

/** An error of class-validator. */
const invalid = (constraints: object, children: unknown[] = []): object => ({
  property: 'name',
  constraints,
  children,
});

describe('textOf', () => {
  it.each([
    ['no', 'no'],
    [{ message: 'no' }, 'no'],
    [{ message: ['a', 'b'] }, 'a; b'],
    [['a', { message: 'b' }], 'a; b'],
    [[], undefined],
    [[1, null], undefined],
    [{ message: 1 }, undefined],
    [null, undefined],
    [undefined, undefined],
    [7, undefined],
  ])('of %o is %o', (content, text) => {
    expect(textOf(content)).toBe(text);
  });

  it('has the texts of validation errors, with those of nested objects', () => {
    const nested = invalid({ isInt: 'age must be an integer' });
    expect(textOf([invalid({ isString: 'name must be a string' }, [nested])])).toBe(
      'name must be a string; age must be an integer',
    );
  });

  it('adds no text behind 512 characters', () => {
    expect(textOf(['x'.repeat(600), 'more'])).toBe('x'.repeat(600));
  });
});
