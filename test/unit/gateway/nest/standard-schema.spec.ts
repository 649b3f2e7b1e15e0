import { describe, expect, it } from 'vitest';
import { type StandardSchema, validated } from '../../../../lib/gateway/nest/standard-schema.js';

function schemaOf(validate: (value: never, options: unknown) => unknown): StandardSchema {
  return { '~standard': { validate } };
}

const idOf = schemaOf(({ id }: { id: number }) => ({ value: { id } }));

describe('validated', () => {
  it.each([
    ['an object', { id: 1, secret: 2 }, { id: 1 }],
    ['each element of an array', [{ id: 1, secret: 2 }, null], [{ id: 1 }, null]],
    ['no text', 'text', 'text'],
    ['no null', null, null],
  ])('applies the schema to %s', (_, value, output) => {
    expect(validated(idOf, undefined, value)).toEqual(output);
  });

  it('gives the options to the schema', () => {
    expect(
      validated(
        schemaOf((_, options) => ({ value: options })),
        { a: 1 },
        {},
      ),
    ).toEqual({ a: 1 });
  });

  it('throws what is wrong with the value', () => {
    const failing = schemaOf(() => ({ issues: [{ message: 'no id' }, { message: 'no name' }] }));
    expect(() => validated(failing, undefined, {})).toThrow('Serialization failed: no id, no name');
  });

  it.each([
    ['resolves', () => Promise.resolve({ value: 1 })],
    ['rejects', () => Promise.reject(new Error('late'))],
  ])('throws for a schema whose answer %s later', async (_, validate) => {
    expect(() => validated(schemaOf(validate), undefined, {})).toThrow('answers at once');
    await new Promise(setImmediate);
  });
});
