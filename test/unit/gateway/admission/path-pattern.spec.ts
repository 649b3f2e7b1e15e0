import { describe, expect, it } from 'vitest';
import { NO_PARAMS, PathPattern, PathPatterns } from '../../../../lib/gateway/admission/path-pattern.js';

const code = (name: string): object => expect.objectContaining({ code: name });

/** Each pattern stands for itself. */
function patterns(...texts: string[]): PathPatterns<string> {
  const all = new PathPatterns<string>();
  for (const text of texts) all.add(new PathPattern(text), text);
  return all;
}

describe('PathPattern', () => {
  it.each(['/:', '/a/:', '/:a-b', '/:1', '/:a?', '/:id(\\d+)', '/:a/:a', '/::a', '/a?b', '/a#b', '/:é'])(
    'refuses %s',
    text => expect(() => new PathPattern(text)).toThrow(code('FANOUT_PATH')),
  );

  it.each([
    ['/', true],
    ['/rooms', true],
    ['/a:b', true],
    ['/a//b;c', true],
    ['/rooms/:room', false],
    ['/:__proto__/:_1', false],
  ])('knows whether %s is literal: %s', (text, literal) =>
    expect(new PathPattern(text).literal).toBe(literal),
  );
});

describe('PathPatterns', () => {
  describe('#find', () => {
    it.each([
      ['/rooms/42', '42'],
      ['/rooms/a%20b', 'a b'],
      ['/rooms/%C3%A9', 'é'],
      ['/rooms/%252F', '%2F'],
      ['/rooms/a;b=c', 'a;b=c'],
      ['/rooms/...', '...'],
      ['/rooms/:room', ':room'],
      ['/rooms/%3A', ':'],
      ['/rooms/__proto__', '__proto__'],
      [`/rooms/${'x'.repeat(8000)}`, 'x'.repeat(8000)],
    ])('finds %s and decodes its parameter once', (path, room) => {
      expect(patterns('/rooms/:room').find(path)).toEqual({ value: '/rooms/:room', params: { room } });
    });

    it.each([
      ['no segment for the parameter', '/rooms'],
      ['an empty segment', '/rooms/'],
      ['an empty segment more', '/rooms//42'],
      ['a segment more', '/rooms/42/'],
      ['another case', '/Rooms/42'],
      ['an encoded literal', '/%72ooms/42'],
      ['an encoded slash', '/rooms/a%2Fb'],
      ['an encoded slash in small letters', '/rooms/a%2fb'],
      ['an encoded backslash', '/rooms/a%5Cb'],
      ['a backslash', '/rooms/a\\b'],
      ['what does not decode', '/rooms/%zz'],
      ['half an escape', '/rooms/%'],
      ['bytes that are no UTF-8', '/rooms/%ff'],
      ['an overlong slash', '/rooms/%c0%af'],
      ['bytes that are not encoded', '/rooms/Ã©'],
      ['a zero byte', '/rooms/a%00'],
      ['a line break', '/rooms/a%0d%0ab'],
      ['DEL', '/rooms/%7F'],
      ['a control character beyond ASCII', '/rooms/%C2%85'],
      ['the directory itself', '/rooms/.'],
      ['the directory above', '/rooms/..'],
      ['the directory above, encoded', '/rooms/%2e%2E'],
      ['nothing but slashes', '/'.repeat(8000)],
    ])('does not find %s', (_, path) => {
      expect(patterns('/rooms/:room').find(path)).toBeUndefined();
    });

    it('prefers literals from left to right, whatever was added first', () => {
      const all = patterns('/:a/:b', '/:a/x', '/v1/:b', '/:a/x/:c', '/v1/:b/z');
      const valueOf = (path: string): string | undefined => all.find(path)?.value;
      expect(valueOf('/v1/x')).toBe('/v1/:b');
      expect(valueOf('/v2/x')).toBe('/:a/x');
      expect(valueOf('/v2/y')).toBe('/:a/:b');
      expect(valueOf('/v1/x/z')).toBe('/v1/:b/z');
      expect(valueOf('/v1/x/y')).toBe('/:a/x/:c');
      expect(valueOf('/v1/y/y')).toBeUndefined();
    });

    it('gives parameters without a prototype, so that every name is one', () => {
      const { params } = patterns('/:__proto__/:constructor').find('/a/b')!;
      expect(Object.entries(params)).toEqual([
        ['__proto__', 'a'],
        ['constructor', 'b'],
      ]);
      expect(Object.getPrototypeOf(params)).toBeNull();
      expect(Object.getPrototypeOf(NO_PARAMS)).toBeNull();
      expect(Object.isFrozen(NO_PARAMS)).toBe(true);
    });
  });

  describe('#add', () => {
    it.each([
      ['/a/:x', '/a/:y'],
      ['/:x/:y', '/:y/:x'],
    ])('refuses %s and %s, which match the same', (first, second) => {
      expect(() => patterns(first, second)).toThrow(code('FANOUT_PATH_AMBIGUOUS'));
    });

    it('takes patterns that overlap', () => {
      expect(patterns('/a/:x', '/:x/b').find('/a/b')?.value).toBe('/a/:x');
    });
  });
});
