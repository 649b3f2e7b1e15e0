import { Refusal } from '../../errors/refusals.js';
import { isTopicName } from '../../topic/topic-name.js';

/**
 * Returns the distinct topics named by a `subscribe` or `unsubscribe`; the values are not checked.
 * @throws Refusal BAD_TOPIC, TOO_MANY_TOPICS for the whole message: one answer per topic would multiply its size
 */
export function namedTopics(data: unknown, limit: number): ReadonlySet<unknown> {
  const { topic, topics } = (typeof data === 'object' && data !== null ? data : {}) as {
    topic?: unknown;
    topics?: unknown;
  };
  // With two ways to name topics in one message, a guard that reads one would miss the other.
  if (topics !== undefined && topic !== undefined) throw new Refusal('BAD_TOPIC');
  const names: readonly unknown[] = Array.isArray(topics) ? topics : [topic];
  if (names.length === 0) throw new Refusal('BAD_TOPIC');
  if (names.length > Math.max(1, limit)) throw new Refusal('TOO_MANY_TOPICS');
  return new Set(names);
}

/** Returns the valid topic names. @param refuse called for each invalid name */
export function validNames(named: ReadonlySet<unknown>, refuse: () => void): string[] {
  return [...named].filter((name): name is string => {
    const valid = isTopicName(name);
    if (!valid) refuse();
    return valid;
  });
}

/** Returns a function that makes the payload for guards, pipes and the method: a new object that names one topic. */
export function payloads(data: object): (topic: string) => object {
  if (!('topics' in data)) return () => ({ ...data });
  const { topics: _, ...others } = data;
  return topic => ({ ...others, topic });
}
