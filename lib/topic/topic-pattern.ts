import { FanoutError, shown } from '../errors/fanout-error.js';
import { isTopicName, MAX_TOPIC_BYTES } from './topic-name.js';
import { decodeSegment } from './topic-value.js';

/** Values of the `:name` segments of a pattern in one topic. */
export type TopicParams = Readonly<Record<string, string>>;

const PARAMETER = /^:[A-Za-z_][A-Za-z0-9_]*$/;

/** Pattern such as `prices.:symbol`: literal segments, and `:name` for exactly one segment. */
export class TopicPattern {
  readonly segments: readonly string[];
  /** Names of the parameters. */
  readonly names: readonly string[];

  /** @throws FanoutError FANOUT_TOPIC_PATTERN */
  constructor(readonly text: string) {
    const segments = typeof text === 'string' ? text.split('.') : [];
    const names = segments.filter(segment => segment.startsWith(':'));
    const valid =
      segments.length > 0 &&
      text.length <= MAX_TOPIC_BYTES &&
      new Set(names).size === names.length &&
      segments.every(segment => PARAMETER.test(segment) || isTopicName(segment));
    if (!valid) throw new FanoutError('FANOUT_TOPIC_PATTERN', shown(text));
    this.segments = segments;
    this.names = names.map(name => name.slice(1));
  }

  /** Returns the decoded values of the parameters, for a topic that matches. */
  paramsOf(name: string): TopicParams {
    const params: Record<string, string> = Object.create(null) as Record<string, string>;
    const values = name.split('.');
    this.segments.forEach((segment, i) => {
      if (segment.startsWith(':')) params[segment.slice(1)] = decodeSegment(values[i]!) ?? values[i]!;
    });
    return params;
  }

  /** Replaces each parameter by a value. The result is not checked. */
  fill(valueOf: (name: string) => string): string {
    return this.segments
      .map(segment => (segment.startsWith(':') ? valueOf(segment.slice(1)) : segment))
      .join('.');
  }
}

interface Branch<T> {
  readonly literals: Map<string, Branch<T>>;
  parameter: Branch<T> | undefined;
  value: { readonly pattern: TopicPattern; readonly route: T } | undefined;
}

/**
 * Finds the pattern of a topic. A literal segment wins over a parameter, from left to right. A parameter matches only a
 * segment in the encoding of `topicName()`, so that a value has one topic: `~41` does not match in place of `A`.
 */
export class TopicPatterns<T> {
  readonly #root: Branch<T> = branch();

  /** Adds a route. If a pattern for the same topics is present, returns that one and adds nothing. */
  add(pattern: TopicPattern, route: T): { readonly pattern: TopicPattern; readonly route: T } | undefined {
    let at = this.#root;
    for (const segment of pattern.segments)
      at = segment.startsWith(':') ? (at.parameter ??= branch()) : literal(at, segment);
    if (at.value !== undefined) return at.value;
    at.value = { pattern, route };
    return undefined;
  }

  /** Returns the route for a topic name, or undefined. */
  find(name: string): { readonly pattern: TopicPattern; readonly route: T } | undefined {
    return search(this.#root, name, 0);
  }
}

function branch<T>(): Branch<T> {
  return { literals: new Map(), parameter: undefined, value: undefined };
}

function literal<T>(parent: Branch<T>, segment: string): Branch<T> {
  let child = parent.literals.get(segment);
  if (child === undefined) parent.literals.set(segment, (child = branch()));
  return child;
}

/**
 * Searches the branches below `at`.
 * @param from start of the next segment; beyond the end of the name if there is none
 */
function search<T>(at: Branch<T>, name: string, from: number): Branch<T>['value'] {
  if (from > name.length) return at.value;
  const dot = name.indexOf('.', from);
  const end = dot < 0 ? name.length : dot;
  const segment = name.slice(from, end);
  const exact = at.literals.get(segment);
  const found = exact && search(exact, name, end + 1);
  if (found !== undefined || at.parameter === undefined || decodeSegment(segment) === undefined) return found;
  return search(at.parameter, name, end + 1);
}
