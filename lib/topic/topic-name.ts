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
