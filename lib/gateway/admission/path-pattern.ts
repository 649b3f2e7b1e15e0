import { FanoutError, shown } from '../../errors/fanout-error.js';

/** What the `:name` segments of a path stand for in one request. */
export type PathParams = Readonly<Record<string, string>>;

/** Of a path without parameters: one object for all requests, without a prototype like those that have some. */
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
      // What follows these is no path, so such a gateway would never be asked for.
      !text.includes('?') &&
      !text.includes('#') &&
      new Set(names).size === names.length &&
      names.every(name => PARAMETER.test(name));
    if (!valid) throw new FanoutError('FANOUT_PATH', shown(text));
  }

  get literal(): boolean {
    return !this.segments.some(isParameter);
  }

  /** The same for all patterns that cannot be told apart. */
  get shape(): string {
    return this.segments.map(segment => (isParameter(segment) ? ':' : segment)).join('/');
  }

  /** Sorts patterns of one length: a literal wins over a parameter, from left to right. */
  get rank(): string {
    return this.segments.map(segment => (isParameter(segment) ? '1' : '0')).join('');
  }

  /** The parameters of a path that matches, by its segments as they were sent. */
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

/** Finds what is at a path among patterns with parameters. */
export class PathPatterns<T> {
  readonly #entries: { readonly pattern: PathPattern; readonly value: T }[] = [];
  #longest = 0;

  /** @throws FanoutError FANOUT_PATH_AMBIGUOUS */
  add(pattern: PathPattern, value: T): void {
    const other = this.#entries.find(entry => entry.pattern.shape === pattern.shape);
    if (other !== undefined) throw new FanoutError('FANOUT_PATH_AMBIGUOUS', other.pattern.text, pattern.text);
    this.#entries.push({ pattern, value });
    this.#entries.sort((a, b) => (a.pattern.rank < b.pattern.rank ? -1 : 1));
    this.#longest = Math.max(this.#longest, pattern.segments.length);
  }

  /** @param path as sent, beginning with a slash */
  find(path: string): { readonly value: T; readonly params: PathParams } | undefined {
    if (this.#longest === 0) return undefined;
    // One more than any pattern has is enough to match none: a path of nothing but slashes costs no more.
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
 * The value of a parameter, percent-decoded once. Undefined for what could be taken for more than one segment, or for
 * another directory, by whoever builds a path or a key of it.
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

/** Whether a text has no slash of either kind, no control character, and none above `last`. */
function isPlain(text: string, last: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2f || code === 0x5c || code > last)
      return false;
  }
  return true;
}
