import { FanoutError, shown } from '../errors/fanout-error.js';
import { assertTopicName } from './topic-name.js';
import { encodeSegment, isTopicValue, type TopicValue } from './topic-value.js';

/** Name of the parameter in a segment of a pattern; `never` for a literal segment. */
export type ParameterOf<Segment extends string> = Segment extends `:${infer Name}` ? Name : never;

/** Names of the parameters of a pattern, as a union: `'symbol'` for `'prices.:symbol'`. */
export type TopicParameters<Pattern extends string> = Pattern extends `${infer Segment}.${infer Rest}`
  ? ParameterOf<Segment> | TopicParameters<Rest>
  : ParameterOf<Pattern>;

/** Values for each `:name` of a pattern. A pattern of type `string` allows any names. */
export type TopicValues<Pattern extends string> = {
  readonly [Name in string extends Pattern ? string : TopicParameters<Pattern>]: TopicValue;
};

/** Type of the topic segments that a segment of a pattern matches. */
export type FilledSegment<Segment extends string> = Segment extends `:${string}` ? string : Segment;

/** Topics of a pattern as a type: `` `prices.${string}` `` for `'prices.:symbol'`. */
export type FilledTopic<Pattern extends string> = string extends Pattern
  ? string
  : Pattern extends `${infer Segment}.${infer Rest}`
    ? `${FilledSegment<Segment>}.${FilledTopic<Rest>}`
    : FilledSegment<Pattern>;

/**
 * Makes the topic of a pattern from values with any characters, such as `BRK.B` or an e-mail address. Each value
 * becomes one segment: each UTF-8 byte outside of `A-Z a-z 0-9 _ @ -` is written as `~` and two hex digits, so
 * `topicName('prices.:symbol', { symbol: 'BRK.B' })` is `prices.BRK~2EB`. `@TopicParam()` returns the original value.
 *
 * @param pattern as in `@Topic()`
 * @param params a value for each `:name` of the pattern: a non-empty text, a finite number or a bigint; other members
 *   are ignored
 * @throws FanoutError FANOUT_TOPIC_VALUE for a value that is missing or cannot be in a topic, FANOUT_TOPIC_NAME when
 *   the topic is longer than 255 bytes or the pattern is not valid
 */
export function topicName<const Pattern extends string>(
  pattern: Pattern,
  params: TopicValues<Pattern>,
): FilledTopic<Pattern> {
  if (typeof pattern !== 'string') throw new FanoutError('FANOUT_TOPIC_PATTERN', shown(pattern));
  const values = Object(params) as Readonly<Record<string, unknown>>;
  const name = pattern
    .split('.')
    .map(segment => (segment.startsWith(':') ? segmentFor(pattern, segment.slice(1), values) : segment))
    .join('.');
  assertTopicName(name);
  return name as FilledTopic<Pattern>;
}

function segmentFor(pattern: string, name: string, values: Readonly<Record<string, unknown>>): string {
  const value = values[name];
  if (!isTopicValue(value)) throw new FanoutError('FANOUT_TOPIC_VALUE', pattern, name, shown(value));
  return encodeSegment(value);
}
