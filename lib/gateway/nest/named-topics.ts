import { Refusal } from '../../errors/refusals.js';
import { isTopicName } from '../../topic/topic-name.js';

/**
 * The names in a `subscribe` or `unsubscribe`, each once, whatever they are.
 * @throws Refusal BAD_TOPIC, TOO_MANY_TOPICS for all of them: an answer to each would be many times the question
 */
export function namedTopics(data: unknown, limit: number): ReadonlySet<unknown> {
  const { topic, topics } = (typeof data === 'object' && data !== null ? data : {}) as {
    topic?: unknown;
    topics?: unknown;
  };
  // Two ways to name topics in one message: whoever reads one of them, such as a guard, would miss the other.
  if (topics !== undefined && topic !== undefined) throw new Refusal('BAD_TOPIC');
  const names: readonly unknown[] = Array.isArray(topics) ? topics : [topic];
  if (names.length === 0) throw new Refusal('BAD_TOPIC');
  if (names.length > Math.max(1, limit)) throw new Refusal('TOO_MANY_TOPICS');
  return new Set(names);
}

/** Those of what was named that are names. @param refuse called for each of the others */
export function validNames(named: ReadonlySet<unknown>, refuse: () => void): string[] {
  return [...named].filter((name): name is string => {
    const valid = isTopicName(name);
    if (!valid) refuse();
    return valid;
  });
}

/** What guards, pipes and the method see of a message: always the one topic they are asked about, in an object of its own. */
export function payloads(data: object): (topic: string) => object {
  if (!('topics' in data)) return () => ({ ...data });
  const { topics: _, ...others } = data;
  return topic => ({ ...others, topic });
}
