import { resolveTopicOptions } from '../../../lib/options/resolve-topic-options.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import type { SlowPolicy, TopicPolicies, TopicPolicy } from '../../../lib/topic/topic-policy.js';

/** The policies that `@Topic` with these options would give topics, by name. */
export function policiesOf(
  optionsOf: (name: string) => TopicOptions,
  fallback: SlowPolicy = 'catch-up',
): TopicPolicies {
  const policyOf = (name: string): TopicPolicy => {
    const { slow = fallback, ...others } = resolveTopicOptions(optionsOf(name));
    return { ...others, slow };
  };
  return { policyOf, policyFor: policyOf };
}
