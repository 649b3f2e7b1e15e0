import { FanoutError, shown } from '../errors/fanout-error.js';

/** Longest topic name, in bytes: names are ASCII. */
export const MAX_TOPIC_BYTES = 255;

// One class between separators, so there is only one way to match: linear whatever a client sends.
const NAME = /^[A-Za-z0-9_~@-]+(?:\.[A-Za-z0-9_~@-]+)*$/;

/** Whether `name` is a concrete topic name: segments joined by dots. */
export function isTopicName(name: unknown): name is string {
  return typeof name === 'string' && name.length <= MAX_TOPIC_BYTES && NAME.test(name);
}

/** @throws FanoutError FANOUT_TOPIC_NAME */
export function assertTopicName(name: unknown): asserts name is string {
  if (!isTopicName(name)) throw new FanoutError('FANOUT_TOPIC_NAME', shown(name));
}

/** What stands behind the name of a topic in the name of the topic of its presence. */
export const PRESENCE_SUFFIX = '~presence';

/** Whether `name` is that of a presence. A pattern for such names ends in the same way; an encoded value never does. */
export function isPresenceName(name: string): boolean {
  return name.endsWith(PRESENCE_SUFFIX);
}

/** The name of the presence of a topic, which is too long for a topic where `topic` nearly is. */
export function presenceNameOf(topic: string): string {
  return topic + PRESENCE_SUFFIX;
}

/** The topic whose presence `name` is; undefined when it is that of no topic. */
export function subjectOf(name: string): string | undefined {
  if (!isPresenceName(name)) return undefined;
  const subject = name.slice(0, -PRESENCE_SUFFIX.length);
  return isTopicName(subject) ? subject : undefined;
}
