import { IsInt, ValidateNested, validateSync } from 'class-validator';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { detailsOf } from '../../../../lib/gateway/session/error-details.js';

function parsed(content: unknown, code = 'EXCEPTION', status?: number): any {
  const details = detailsOf(content, code, status);
  return details?.json === undefined ? undefined : JSON.parse(details.json);
}

class Seat {
  @IsInt()
  row = 'SECRET row';
}

class Order {
  @IsInt()
  count = 'SECRET count';

  @ValidateNested()
  seat = new Seat();
}

describe('detailsOf', () => {
  it.each([
    [
      { code: 'SOLD_OUT', message: 'gone', sku: 'A1', left: 0 },
      'SOLD_OUT',
      undefined,
      { sku: 'A1', left: 0 },
    ],
    [{ statusCode: 409, error: 'Conflict', message: 'x', sku: 'A' }, 'CONFLICT', 409, { sku: 'A' }],
    [{ statusCode: 418, error: "I'm a teapot", message: 'x', sku: 'A' }, 'I_AM_A_TEAPOT', 418, { sku: 'A' }],
    [{ statusCode: 400, error: 'Bad Request', message: ['a', 'b'] }, 'BAD_REQUEST', 400, ['a', 'b']],
    [{ message: ['a'], sku: 'A' }, 'EXCEPTION', undefined, { message: ['a'], sku: 'A' }],
    [['a', { b: 1 }], 'EXCEPTION', undefined, ['a', { b: 1 }]],
    [
      { nested: { code: 'X', message: 'y' } },
      'EXCEPTION',
      undefined,
      { nested: { code: 'X', message: 'y' } },
    ],
  ])('of %j are the fields that the frame does not tell', (content, code, status, details) => {
    expect(parsed(content, code, status)).toEqual(details);
  });

  it.each([
    ['a code that is not that of the frame', { code: 5, message: 'x' }, { code: 5 }],
    ['a message that is no text', { code: 'EXCEPTION', message: { a: 1 } }, { message: { a: 1 } }],
    ['an error that is not the name of the status', { message: 'x', error: 'E_17' }, { error: 'E_17' }],
  ])('keep %s', (_, content, details) => {
    expect(parsed(content)).toEqual(details);
  });

  it.each([
    ['a text', 'x'],
    ['nothing', undefined],
    ['null', null],
    ['no further fields', { code: 'EXCEPTION', message: 'x' }],
    ['fields without a JSON form', { message: 'x', a: undefined, b() {}, c: Symbol('x') }],
    ['an empty list', []],
    ['an error', Object.assign(new Error('x'), { query: 'SECRET' })],
    ['a toJSON() that gives a text', { toJSON: () => 'x' }],
    ['a toJSON() that gives an error', { toJSON: () => Object.assign(new Error('x'), { query: 'SECRET' }) }],
  ])('of %s are none', (_, content) => {
    expect(detailsOf(content, 'EXCEPTION', undefined)).toBeUndefined();
  });

  it('never have the payload that class-validator puts into its errors', () => {
    const errors = validateSync(new Order());
    expect(JSON.stringify(errors)).toContain('SECRET');
    for (const content of [errors, { message: errors }, { code: 'BAD', errors }, { deep: [{ errors }] }]) {
      const { json } = detailsOf(content, 'BAD', undefined)!;
      expect(json).not.toContain('SECRET');
      expect(json).toContain('count must be an integer number');
      expect(json).toContain('row must be an integer number');
    }
  });

  it('never have what an error within them holds', () => {
    const inside = Object.assign(new Error('x'), { query: 'SECRET', toJSON: () => 'SECRET' });
    expect(parsed({ sku: 'A', inside, all: [inside] })).toEqual({ sku: 'A', all: [null] });
  });

  it('never have a key that changes a prototype', () => {
    const content = JSON.parse(
      '{"a":{"__proto__":{"admin":true},"b":1},"__proto__":{"admin":true}}',
    ) as object;
    expect(detailsOf(content, 'X', undefined)!.json).toBe('{"a":{"b":1}}');
  });

  it.each([
    ['a circle', circle()],
    ['a BigInt', { id: 1n }],
    ['a getter that throws', Object.defineProperty({}, 'a', { enumerable: true, get: raise })],
    ['a toJSON() that throws', { toJSON: raise }],
  ])('are left out, with the reason, for %s', (_, content) => {
    const details = detailsOf({ message: 'x', content }, 'EXCEPTION', undefined);
    expect(details).toMatchObject({ json: undefined, truncated: false });
    expect(details!.failure).toBeInstanceOf(Error);
  });

  it('keep the path of V8 to a circle', () => {
    const { failure } = detailsOf(circle(), 'EXCEPTION', undefined)!;
    expect((failure as Error).message).toContain("property 'self' closes the circle");
  });

  it('keep the first elements that fit, with a mark', () => {
    const texts = Array.from({ length: 200 }, (_, at) => `field${at} must be a number`);
    const { json, truncated } = detailsOf({ message: texts }, 'BAD_REQUEST', 400)!;
    const kept = JSON.parse(json!) as string[];
    expect(truncated).toBe(true);
    expect(kept.length).toBeGreaterThan(100);
    expect(kept).toEqual(texts.slice(0, kept.length));
  });

  it('keep the fields that fit, with a mark', () => {
    const content = { sku: 'A1', dump: 'x'.repeat(5000), left: 0 };
    const details = detailsOf(content, 'SOLD_OUT', undefined)!;
    expect(details.truncated).toBe(true);
    expect(JSON.parse(details.json!)).toEqual({ sku: 'A1', left: 0 });
  });

  it.each([
    ['nothing fits', ['x'.repeat(5000)]],
    ['there are more levels than the stack has', [nested(100_000)]],
  ])('are only the mark when %s', (_, content) => {
    expect(detailsOf(content, 'X', undefined)).toEqual({ json: undefined, truncated: true });
  });

  it('stop to encode soon after the limit', () => {
    let read = 0;
    const list = Array.from({ length: 100_000 }, () => ({
      get a() {
        return read++;
      },
    }));
    expect(detailsOf({ message: 'x', list }, 'X', undefined)!.truncated).toBe(true);
    // The replacer of JSON.stringify reads each once more.
    expect(read).toBeLessThan(5000);
  });

  it('are JSON of at most 4096 bytes, or marked, whatever they are', () => {
    fc.assert(
      fc.property(fc.oneof(fc.object({ maxDepth: 3 }), fc.array(fc.anything()), bulky()), content => {
        const details = detailsOf(content, 'X', undefined);
        if (details?.json === undefined) return;
        expect(Buffer.byteLength(details.json)).toBeLessThanOrEqual(4096);
        JSON.parse(details.json);
      }),
    );
  });

  it('are whole when they have 4096 bytes', () => {
    const fits = 'é'.repeat((4096 - '["x"]'.length + 1) / 2);
    expect(parsed([fits])).toEqual([fits]);
    expect(detailsOf([`${fits}x`], 'X', undefined)).toEqual({ json: undefined, truncated: true });
  });
});

function circle(): object {
  const value: Record<string, unknown> = { a: 1 };
  value.self = { inner: value };
  return value;
}

function nested(levels: number): unknown {
  let value: unknown = null;
  for (let level = 0; level < levels; level++) value = { value };
  return value;
}

function bulky(): fc.Arbitrary<unknown> {
  const text = fc.tuple(fc.constantFrom('x', '"', '\u0000', '漢', '\ud800'), fc.nat(3000));
  return fc.array(text.map(([of, count]) => of.repeat(count)));
}

function raise(): never {
  throw new Error('of a getter');
}
