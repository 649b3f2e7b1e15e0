import fc from 'fast-check';

/** Any bytes, as latin1. */
export const bytes = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map(array => Buffer.from(array).toString('latin1'));

/** Names that objects have without being given them, and names that tools use for themselves. */
export const TREACHEROUS = [
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'valueOf',
  'hasOwnProperty',
  'then',
  'error',
  'close',
  'message',
  'undefined',
  'null',
  'NaN',
];

interface Mutation {
  readonly kind: 'flip' | 'cut' | 'double' | 'insert' | 'truncate';
  /** Where, as a share of the length. */
  readonly at: number;
  readonly length: number;
  readonly text: string;
}

const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom<Mutation['kind']>('flip', 'cut', 'double', 'insert', 'truncate'),
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.integer({ min: 1, max: 40 }),
  text: fc.oneof(
    bytes(8),
    fc.constantFrom('\r\n', '\r\n\r\n', '\0', '\n', ':', '"', ',', ' '.repeat(50), '\xff'),
  ),
});

/** The same with a few bytes changed, or unchanged. */
export function mutated(text: fc.Arbitrary<string>): fc.Arbitrary<string> {
  return fc
    .tuple(text, fc.array(mutation, { maxLength: 3 }))
    .map(([original, mutations]) => mutations.reduce(mutate, original));
}

function mutate(text: string, { kind, at, length, text: inserted }: Mutation): string {
  const place = Math.floor(at * text.length);
  const before = text.slice(0, place);
  const after = text.slice(place);
  switch (kind) {
    case 'flip':
      return `${before}${flipped(after.slice(0, 1), length)}${after.slice(1)}`;
    case 'cut':
      return before + after.slice(length);
    case 'double':
      return before + after.slice(0, length) + after;
    case 'insert':
      return before + inserted + after;
    case 'truncate':
      return before;
  }
}

function flipped(character: string, bit: number): string {
  return character && String.fromCharCode((character.charCodeAt(0) ^ (1 << (bit & 7))) & 255);
}
