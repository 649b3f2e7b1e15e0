import { FanoutError, shown } from '../../errors/fanout-error.js';

/** Values of the `:name` segments of a path in one request. */
export type PathParams = Readonly<Record<string, string>>;

/** Parameters of a path without any: one object for all requests, without a prototype, like all other parameters. */
export const NO_PARAMS: PathParams = Object.freeze(Object.create(null) as Record<string, string>);

const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/** A gateway path such as `/rooms/:room`: literal segments, and `:name` for exactly one segment. */
export class PathPattern {
  readonly segments: readonly string[];

  /**
   * @param text begins with a slash
   * @throws FanoutError FANOUT_PATH
   */
  constructor(readonly text: string) {
    this.segments = text.slice(1).split('/');
    const names = this.segments.filter(isParameter);
    const valid =
      // No path contains these characters, so no request would ever match.
      !text.includes('?') &&
      !text.includes('#') &&
      new Set(names).size === names.length &&
      names.every(name => PARAMETER.test(name));
    if (!valid) throw new FanoutError('FANOUT_PATH', shown(text));
  }

  get literal(): boolean {
    return !this.segments.some(isParameter);
  }

  /** Text that is equal for patterns with the same matches. */
  get shape(): string {
    return this.segments.map(segment => (isParameter(segment) ? ':' : segment)).join('/');
  }

  /** Sort key among patterns of one length: a literal wins over a parameter, from left to right. */
  get rank(): string {
    return this.segments.map(segment => (isParameter(segment) ? '1' : '0')).join('');
  }

  /** Returns the parameters of a path that matches, or undefined. @param sent segments as sent */
  match(sent: readonly string[]): PathParams | undefined {
    if (sent.length !== this.segments.length) return undefined;
    const params = Object.create(null) as Record<string, string>;
    for (const [i, segment] of this.segments.entries()) {
      if (!isParameter(segment)) {
        if (segment !== sent[i]) return undefined;
        continue;
      }
      const value = decoded(sent[i]!);
      if (value === undefined) return undefined;
      params[segment.slice(1)] = value;
    }
    return params;
  }
}

/** Finds the value for a path among patterns with parameters. */
export class PathPatterns<T> {
  readonly #entries: { readonly pattern: PathPattern; readonly value: T }[] = [];
  #longest = 0;

  /** Adds a pattern. @throws FanoutError FANOUT_PATH_AMBIGUOUS */
  add(pattern: PathPattern, value: T): void {
    const other = this.#entries.find(entry => entry.pattern.shape === pattern.shape);
    if (other !== undefined) throw new FanoutError('FANOUT_PATH_AMBIGUOUS', other.pattern.text, pattern.text);
    this.#entries.push({ pattern, value });
    this.#entries.sort((a, b) => (a.pattern.rank < b.pattern.rank ? -1 : 1));
    this.#longest = Math.max(this.#longest, pattern.segments.length);
  }

  /** Finds the value for a path. @param path as sent, beginning with a slash */
  find(path: string): { readonly value: T; readonly params: PathParams } | undefined {
    if (this.#longest === 0) return undefined;
    // One segment more than the longest pattern is enough to match none. This bounds the cost of a path of many
    // slashes.
    const sent = path.slice(1).split('/', this.#longest + 1);
    for (const { pattern, value } of this.#entries) {
      const params = pattern.match(sent);
      if (params !== undefined) return { value, params };
    }
    return undefined;
  }
}

function isParameter(segment: string): boolean {
  return segment.startsWith(':');
}

/**
 * Returns the value of a parameter, percent-decoded once. Returns undefined for a value that could act as more than one
 * segment, or as another directory, in a path or key built from it.
 */
function decoded(sent: string): string | undefined {
  if (sent === '' || !isPlain(sent, 0x7e)) return undefined;
  let value: string;
  try {
    value = decodeURIComponent(sent);
  } catch {
    return undefined;
  }
  return value !== '.' && value !== '..' && isPlain(value, Infinity) ? value : undefined;
}

/** Tells whether a text has no slash or backslash, no control character, and no character above `last`. */
function isPlain(text: string, last: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2f || code === 0x5c || code > last)
      return false;
  }
  return true;
}
