import { FanoutError, shown } from '../errors/fanout-error.js';

/** Longest topic name, in bytes: names are ASCII. */
export const MAX_TOPIC_BYTES = 255;

// One character class between separators, so there is only one way to match: linear for any input.
const NAME = /^[A-Za-z0-9_~@-]+(?:\.[A-Za-z0-9_~@-]+)*$/;

/** Tells whether `name` is a valid topic name: segments joined by dots. */
export function isTopicName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= MAX_TOPIC_BYTES && NAME.test(name);
}

/** Checks a topic name. @throws FanoutError FANOUT_TOPIC_NAME */
export function assertTopicName(name: unknown): asserts name is string {
  if (!isTopicName(name)) throw new FanoutError('FANOUT_TOPIC_NAME', shown(name));
}

/** Suffix that makes the name of a topic the name of its presence topic. */
export const PRESENCE_SUFFIX = '~presence';

/**
 * Tells whether `name` is the name of a presence topic. A pattern for such names has the same suffix; an encoded value
 * never has.
 */
export function isPresenceName(name: string): boolean {
  return name.endsWith(PRESENCE_SUFFIX);
}

/** Returns the name of the presence topic. For a very long topic name, the result is too long to be valid. */
export function presenceNameOf(topic: string): string {
  return topic + PRESENCE_SUFFIX;
}

/** Returns the topic of a presence topic `name`; undefined for other names. */
export function subjectOf(name: string): string | undefined {
  if (!isPresenceName(name)) return undefined;
  const subject = name.slice(0, -PRESENCE_SUFFIX.length);
  return isTopicName(subject) ? subject : undefined;
}
