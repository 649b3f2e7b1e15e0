import { ByteLedger } from '../../../lib/memory/byte-ledger.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import { Retention } from '../../../lib/topic/retention.js';
import { Topic } from '../../../lib/topic/topic.js';
import type { EntryTerms } from '../../../lib/topic/topic-log.js';
import { policiesOf } from './policies.js';

/** Terms of a publication that has none of its own. */
export const TERMS: EntryTerms = { at: 0, expires: 0, key: undefined, except: undefined };

/** Room for all that a test publishes. */
export const PLENTY = 2 ** 30;

/** Retention of topics that a test makes without a registry. */
export function retentionOf(
  backlogLimit = PLENTY,
  history = new ByteLedger(PLENTY),
  backlog = new ByteLedger(PLENTY),
): Retention {
  return new Retention(backlogLimit, history, backlog, () => {});
}

/** A topic as a registry makes it for these options of `@Topic`. */
export function topicOf(name = 't', options: TopicOptions = {}, retention = retentionOf()): Topic {
  return new Topic(
    name,
    { epoch: 'e', head: 0, usedAt: 0 },
    policiesOf(() => options).policyOf(name),
    retention,
  );
}

/** Publishes values on a topic. */
export function append(topic: Topic, values: readonly unknown[], terms: Partial<EntryTerms> = {}): void {
  for (const value of values) {
    const json = JSON.stringify(value);
    topic.append(json, Buffer.byteLength(json), { ...TERMS, ...terms });
  }
}

/** A payload of so many bytes of JSON. */
export function payloadOf(bytes: number): string {
  return 'x'.repeat(bytes - 2);
}
