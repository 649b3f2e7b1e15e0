import type { TopicPattern } from './topic-pattern.js';
import { decodeSegment } from './topic-value.js';

/** Most names checked. An application with more has such names on purpose. */
const MOST_LOOKS = 1000;

/** Most lines written. */
const MOST_LINES = 20;

/** Pattern with the method that declares it, as `Class.method`. */
export interface DeclaredPattern {
  readonly pattern: TopicPattern;
  readonly name: string;
}

/**
 * Logs topics of the application that no `@Topic` matches although a declared pattern is close. Writes one line for
 * each first segment and number of segments.
 */
export class NearMisses {
  readonly #declared: readonly DeclaredPattern[];
  readonly #warn: (line: string) => void;
  readonly #seen = new Set<string>();
  #lines = 0;

  constructor(declared: readonly DeclaredPattern[], warn: (line: string) => void) {
    this.#declared = declared;
    this.#warn = warn;
  }

  /** Checks a valid name that no pattern matches. Cheap for a name that was checked before. */
  look(name: string): void {
    if (this.#seen.size >= MOST_LOOKS || this.#lines >= MOST_LINES) return;
    const kind = kindOf(name);
    if (this.#seen.has(kind)) return;
    this.#seen.add(kind);
    const line = nearMissLine(name, this.#declared);
    if (line === undefined) return;
    this.#lines++;
    this.#warn(line);
  }
}

/** Returns the number of segments and the first segment. */
function kindOf(name: string): string {
  let dots = 0;
  for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) dots++;
  return `${dots}.${dots === 0 ? name : name.slice(0, name.indexOf('.'))}`;
}

/** Returns a sentence with the probable pattern and what to do; undefined if no pattern is close. */
export function nearMissLine(name: string, declared: readonly DeclaredPattern[]): string | undefined {
  for (const find of [otherSpelling, misspelt, otherSeparators, otherLength]) {
    const found = find(name, declared);
    if (found !== undefined)
      return `The topic "${name}" is used, and no @Topic() matches it, so no client can subscribe to it. ${found}`;
  }
  return undefined;
}

/** Finds a pattern whose segments match, although a value is not encoded as by `topicName()`. */
function otherSpelling(name: string, declared: readonly DeclaredPattern[]): string | undefined {
  const segments = name.split('.');
  const near = declared.find(({ pattern }) => distance(segments, pattern.segments) === 0);
  const value = segments.find(segment => decodeSegment(segment) === undefined);
  return (
    near &&
    value &&
    `It would be one of ${nameOf(near)}, but "~" begins an encoded byte, and "${value}" is not a valid encoding: ` +
      `build the topic with topicName('${near.pattern.text}', …).`
  );
}

/** Finds a pattern with a similar literal segment. */
function misspelt(name: string, declared: readonly DeclaredPattern[]): string | undefined {
  const segments = name.split('.');
  let [near, least]: [DeclaredPattern | undefined, number] = [undefined, Infinity];
  for (const each of declared) {
    const far = distance(segments, each.pattern.segments);
    if (far < least) [near, least] = [each, far];
  }
  return near && `Did you mean ${nameOf(near)}?`;
}

/** Finds a pattern for a name with other separators, or with one separator too many in front. */
function otherSeparators(name: string, declared: readonly DeclaredPattern[]): string | undefined {
  const readings = [name.split(/[._~@-]/), name.split('.').slice(1)];
  const near = declared.find(({ pattern }) =>
    readings.some(segments => pattern.segments.some(isLiteral) && distance(segments, pattern.segments) === 0),
  );
  return near && `Did you mean ${nameOf(near)}? Segments are joined by dots.`;
}

/** Finds a pattern with the same beginning and another number of segments. Values with dots are the usual cause. */
function otherLength(name: string, declared: readonly DeclaredPattern[]): string | undefined {
  const segments = name.split('.');
  const alike = declared.filter(({ pattern }) => pattern.segments[0] === segments[0]);
  const off = ({ pattern }: DeclaredPattern): number => Math.abs(pattern.segments.length - segments.length);
  const [near] = alike.toSorted((a, b) => off(a) - off(b));
  if (near === undefined) return undefined;
  const has = `It has ${segments.length} segments, and ${nameOf(near)} has ${near.pattern.segments.length}`;
  if (segments.length < near.pattern.segments.length || near.pattern.names.length === 0) return `${has}.`;
  return `${has}. Build topics with topicName('${near.pattern.text}', …), so that a value with dots is one segment.`;
}

/**
 * Returns a sentence about the mistake in a pattern of `@Publish`; undefined if a declared pattern has the same topics
 * and parameters.
 * @param place the decorated method, as `Class.method`
 */
export function publishLine(
  pattern: TopicPattern,
  place: string,
  declared: readonly DeclaredPattern[],
): string | undefined {
  const alike = declared.filter(each => overlap(pattern.segments, each.pattern.segments));
  const intro = `@Publish('${pattern.text}') on ${place}`;
  const [first] = alike;
  if (first === undefined) {
    const near = misspelt(pattern.text, declared) ?? otherLength(pattern.text, declared);
    const meant = near ?? 'Add the @Topic(), or correct the pattern.';
    return `${intro} publishes to topics that no @Topic() matches, so no client can subscribe. ${meant}`;
  }
  if (alike.some(each => sameNames(pattern.segments, each.pattern.segments))) return undefined;
  return (
    `${intro} and ${nameOf(first)} have different names for the parameter at the same place. ` +
    'Use the same name in both, so that each publication reaches the right topic.'
  );
}

/** Tells whether any topic matches both patterns. */
function overlap(a: readonly string[], b: readonly string[]): boolean {
  return (
    a.length === b.length &&
    a.every((segment, i) => segment === b[i] || !isLiteral(segment) || !isLiteral(b[i]!))
  );
}

/** Tells whether parameters at the same place have the same name. */
function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.every((segment, i) => isLiteral(segment) || isLiteral(b[i]!) || segment === b[i]);
}

function nameOf({ pattern, name }: DeclaredPattern): string {
  return `"${pattern.text}" (${name})`;
}

function isLiteral(segment: string): boolean {
  return !segment.startsWith(':');
}

/**
 * Returns the distance of segments from a pattern, in changed characters of its literals; Infinity for a different
 * topic.
 */
function distance(segments: readonly string[], pattern: readonly string[]): number {
  if (segments.length !== pattern.length) return Infinity;
  let sum = 0;
  for (const [i, literal] of pattern.entries())
    if (isLiteral(literal)) sum += misspelling(segments[i]!, literal);
    else if (segments[i] === '') return Infinity;
  return sum;
}

/** Returns the number of changed characters if few enough for a misspelling; another letter case counts as one. */
function misspelling(word: string, literal: string): number {
  if (word === literal) return 0;
  const length = Math.min(word.length, literal.length);
  const allowed = length < 3 ? 0 : length < 5 ? 1 : 2;
  if (Math.abs(word.length - literal.length) > allowed) return Infinity;
  if (word.toLowerCase() === literal.toLowerCase()) return 1;
  const changes = changesBetween(word, literal);
  return changes > allowed ? Infinity : changes;
}

/** Counts the characters to insert, remove, replace or swap with their neighbour. */
function changesBetween(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) => [i, ...Array<number>(b.length).fill(0)]);
  for (let j = 1; j <= b.length; j++) rows[0]![j] = j;
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const replaced = rows[i - 1]![j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      rows[i]![j] = Math.min(
        rows[i - 1]![j]! + 1,
        rows[i]![j - 1]! + 1,
        replaced,
        swapped ? rows[i - 2]![j - 2]! + 1 : Infinity,
      );
    }
  }
  return rows[a.length]![b.length]!;
}
