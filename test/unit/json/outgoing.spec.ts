import { runInNewContext } from 'node:vm';
import { Readable } from 'node:stream';
import { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { type FanoutErrorCode } from '../../../lib/errors/fanout-error.js';
import { outgoingJson } from '../../../lib/json/outgoing.js';

class Order {
  readonly note?: string = undefined;
  constructor(
    readonly id: number,
    readonly lines: unknown[] = [],
  ) {}
  total = (): number => 1;
  get size(): number {
    return this.lines.length;
  }
}

class Empty {}

class Money {
  readonly #cents = 5;
  cents(): number {
    return this.#cents;
  }
}

class Pages extends Map<string, number> {
  readonly name = 'pages';
}

const iterable = { async *[Symbol.asyncIterator]() {} };

const LOST: [string, unknown, string][] = [
  ['a Map', new Map([['a', 1]]), 'a Map becomes {}'],
  ['an empty Map', new Map(), 'a Map'],
  ['a subclass of Map', new Pages(), 'a Map'],
  ['a Map of another context', runInNewContext('new Map()'), 'a Map'],
  ['a Set', new Set([1]), 'a Set becomes {}'],
  ['a WeakMap', new WeakMap(), 'WeakMap'],
  ['a RegExp', /a/, 'RegExp'],
  ['an Error', new Error('no'), 'an Error loses its message'],
  ['an Error with fields', Object.assign(new Error('no'), { code: 'E' }), 'an Error'],
  ['an Error of another context', runInNewContext('new TypeError("no")'), 'an Error'],
  ['a typed array', new Float64Array([1, 2]), 'a Float64Array does not stay one'],
  ['an empty typed array', new Uint8Array(), 'a Uint8Array'],
  ['an ArrayBuffer', new ArrayBuffer(4), 'ArrayBuffer'],
  ['a DataView', new DataView(new ArrayBuffer(4)), 'a DataView'],
  ['a promise', Promise.resolve(1), 'a promise becomes {}: await it'],
  // oxlint-disable-next-line unicorn/no-thenable -- that is what it is about
  ['a query that is a thenable', new (class Query { then() {} toJSON() { return {}; } })(), 'await it'], // prettier-ignore
  ['a Node stream', Readable.from([1]), 'a stream'],
  ['a web stream', new ReadableStream(), 'an async iterable'],
  ['an async generator', (async function* () {})(), 'an async iterable'],
  ['an async iterable', iterable, 'iterable'],
  ['a generator', (function* () {})(), 'becomes {}'],
  ['an Observable', new Observable(), 'an Observable'],
  ['Headers', new Headers({ a: '1' }), 'a Headers shows no fields'],
  ['URLSearchParams', new URLSearchParams('a=1'), 'URLSearchParams'],
  [
    'an instance that keeps all to itself',
    new Money(),
    'a Money shows no fields and becomes {}: give its class a toJSON()',
  ],
  ['NaN', Number.NaN, 'NaN becomes null'],
  ['Infinity', Infinity, 'Infinity becomes null'],
  ['-Infinity', -Infinity, '-Infinity becomes null'],
  ['a boxed NaN', Object(Number.NaN), 'NaN becomes null'],
  ['a boxed symbol', Object(Symbol('s')), 'boxed symbol'],
  ['a boxed BigInt', Object(1n), 'BigInt'],
  ['a BigInt', 1n, 'JSON does not know how to serialize a BigInt (1n)'],
  ['an invalid Date', new Date(Number.NaN), 'an invalid Date becomes null'],
];

const WAYS: [FanoutErrorCode, string][] = [
  ['FANOUT_PAYLOAD', 'topic "here"'],
  ['FANOUT_SNAPSHOT', 'topic "here"'],
  ['FANOUT_REPLY', 'event "here"'],
  ['FANOUT_EVENT', 'event "here"'],
  ['FANOUT_PRESENCE_INFO', 'topic "here"'],
];

/** Members that JSON leaves out, as an author expects. */
const NO_DATA: [string, unknown, string][] = [
  ['a function', () => {}, 'has no JSON form'],
  ['a symbol', Symbol('s'), 'Symbol(s) has no JSON form'],
];

const payload = (value: unknown): string | undefined => outgoingJson('FANOUT_PAYLOAD', 'here', value);

describe('outgoingJson', () => {
  describe.each(LOST)('refuses %s', (_, value, text) => {
    it.each([
      ['as the value', value, 'JSON: '],
      ['in an object', { a: 1, deep: { b: value } }, 'at deep.b, '],
      ['in an array', [0, [value]], 'at [1][0], '],
      ['in an object without a prototype', Object.assign(Object.create(null), { b: value }), 'at b, '],
    ])('%s, and says where', (where, holder, place) => {
      expect(() => payload(holder)).toThrow(place);
      expect(() => payload(holder)).toThrow(text);
      expect(where).not.toBe('');
    });
  });

  it.each(NO_DATA)('refuses %s, in an array too, and an object that has nothing else', (_, value, text) => {
    expect(() => payload(value)).toThrow(text);
    expect(() => payload([0, [value]])).toThrow(`at [1][0], `);
    expect(() => payload({ deep: { b: value } })).toThrow('at deep, an object with nothing but functions');
    expect(payload({ a: 1, b: value })).toBe('{"a":1}');
  });

  it.each(WAYS)('throws %s, which names the %s', (way, name) => {
    const encode = (): unknown => outgoingJson(way as never, 'here', { rows: [new Map()] });
    expect(encode).toThrow(expect.objectContaining({ code: way, name: 'FanoutError' }));
    expect(encode).toThrow(name);
    expect(encode).toThrow('at rows[0], a Map');
  });

  it.each([
    ['a field of an instance', new Order(1, [new Set()]), 'at lines[0], a Set'],
    ['a field behind null and text', [null, 'NaN', '{}', { n: Number.NaN }], 'at [3].n, NaN'],
  ])('finds what is in %s', (_, value, text) => {
    expect(() => payload(value)).toThrow(text);
  });

  it.each([
    ['null', null],
    ['text that looks like a loss', ['{}', 'null', '{"0":1}']],
    ['an empty object', {}],
    ['an object with indexes', { 0: 1, 1: 2 }],
    ['undefined members and elements', { a: undefined, b: [1, undefined, null] }],
    ['a hole in an array', Object.assign([], { 2: 1 })],
    ['a Date', new Date(0)],
    ['a Buffer, which says by toJSON() what it is', Buffer.from('ab')],
    ['a URL', new URL('http://a.b/c')],
    ['an instance, without its functions', new Order(1, [{ sku: 'a' }])],
    ['an empty instance', new Empty()],
    ['an object without a prototype', Object.assign(Object.create(null), { a: 1 })],
    ['an object of another context', runInNewContext('({ a: [1], e: {} })')],
    ['a symbol as a key', { [Symbol('meta')]: 1, a: 1 }],
    ['boxed values', [Object(1), Object('a'), Object(true)]],
    ['a Map with its own toJSON()', Object.assign(new Map([['a', 1]]), { toJSON: () => ({ a: 1 }) })],
    ['an array with its own toJSON()', Object.assign([new Map()], { toJSON: () => [1] })],
    ['an object with its own toJSON()', { hidden: new Map(), toJSON: () => 'me' }],
    ['a toJSON() that gives nothing', [{ toJSON: () => undefined }]],
    ['-0 and large numbers', [-0, Number.MAX_VALUE, 5e-324]],
  ])('takes %s as JSON.stringify() does', (_, value) => {
    expect(payload(value)).toBe(JSON.stringify(value));
  });

  it('gives undefined for undefined, and where the toJSON() of the value gives that', () => {
    expect(payload(undefined)).toBeUndefined();
    expect(payload({ toJSON: () => undefined })).toBeUndefined();
  });

  it('keeps what V8 says of a circle, on one line', () => {
    const order: Record<string, unknown> = { lines: [{}] };
    (order['lines'] as object[])[0] = { order };
    expect(() => payload({ order })).toThrow(
      /circular structure.*property 'lines'.*property 'order' closes the circle/,
    );
    expect(() => payload({ order })).not.toThrow('\n');
  });

  it('names a circle and no BigInt where both are', () => {
    const value: unknown[] = [];
    value.push(value, 1n);
    expect(() => payload(value)).toThrow('circular structure');
  });

  it('says what a toJSON() threw, and keeps it as the cause', () => {
    const thrown = new RangeError('too\nmuch');
    const toJSON = (): never => {
      throw thrown;
    };
    expect(() => payload({ toJSON })).toThrow(
      expect.objectContaining({ code: 'FANOUT_PAYLOAD', cause: thrown }),
    );
    expect(() => payload({ toJSON })).toThrow('too much');
  });

  it('refuses with its code what is nested too deeply', () => {
    let value: unknown = 1;
    for (let i = 0; i < 100_000; i++) value = [value];
    expect(() => payload(value)).toThrow(expect.objectContaining({ code: 'FANOUT_PAYLOAD' }));
  });

  it('takes a BigInt where the application has given all of them a toJSON()', () => {
    const prototype = BigInt.prototype as { toJSON?: () => string };
    prototype.toJSON = function (this: bigint) {
      return `${this}`;
    };
    try {
      expect(payload({ id: 1n })).toBe('{"id":"1"}');
    } finally {
      delete prototype.toJSON;
    }
  });
});

describe('a proxy of a built-in object', () => {
  it('does not make JSON of the objects that come after it', () => {
    expect(payload(new Proxy(new Float64Array(1), {}))).toBe('{"0":0}');
    expect(() => payload(new Float64Array(1))).toThrow('a Float64Array does not stay one');
  });
});
