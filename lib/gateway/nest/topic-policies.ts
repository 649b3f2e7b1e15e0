import { FanoutError } from '../../errors/fanout-error.js';
import { resolveTopicOptions } from '../../options/resolve-topic-options.js';
import { NearMisses } from '../../topic/near-miss.js';
import { isPresenceName } from '../../topic/topic-name.js';
import { type TopicPattern, TopicPatterns } from '../../topic/topic-pattern.js';
import type { HistoryPolicy, SlowPolicy, TopicPolicies, TopicPolicy } from '../../topic/topic-policy.js';
import type { GatewayExplorer } from './gateway-explorer.js';

/** `@Topic` of a gateway. */
interface Declaration {
  readonly pattern: TopicPattern;
  readonly policy: TopicPolicy;
  /** Port and path of the gateway. */
  readonly place: string;
  /** Gateway and method, for errors. */
  readonly name: string;
}

/**
 * Policies from the `@Topic` decorators of all paths. A publication has no path, so a topic has one policy. A topic
 * that no `@Topic` matches has the default policy.
 *
 * Patterns on several paths that match the same topics must agree in everything but the history, or the application
 * does not start. Patterns that overlap for some topics only, such as `prices.AAPL` and `prices.:symbol`, are not
 * compared. For such a topic the pattern with the literal segment decides, as on a single path. The longest history
 * counts in both cases, separately for each of its bounds.
 */
export class GatewayTopicPolicies implements TopicPolicies {
  readonly #explorer: GatewayExplorer;
  readonly #slow: SlowPolicy;
  readonly #plain: TopicPolicy;
  readonly #warn: (line: string) => void;
  #declared: Declared | undefined;

  /**
   * @param slow policy of topics without a policy of their own: `slowConsumer.policy`
   * @param warn called with a line for a topic that is probably misspelt
   */
  constructor(explorer: GatewayExplorer, slow: SlowPolicy, warn: (line: string) => void) {
    this.#explorer = explorer;
    this.#slow = slow;
    this.#warn = warn;
    this.#plain = Object.freeze({ ...resolveTopicOptions(), slow });
  }

  /**
   * The policy of a topic. A presence topic, `<topic>~presence`, has the default policy unless a pattern ends in
   * `~presence`. A parameter in a pattern does not match presence topics, which would else get the policy of their
   * topics.
   * @throws FanoutError FANOUT_TOPIC_CONFLICT
   */
  policyOf(name: string): TopicPolicy {
    const { topics, presences } = (this.#declared ??= this.#collect());
    return (isPresenceName(name) ? presences : topics).find(name) ?? this.#plain;
  }

  policyFor(name: string): TopicPolicy {
    const policy = this.policyOf(name);
    if (policy === this.#plain && !isPresenceName(name)) this.#declared!.misses.look(name);
    return policy;
  }

  /** Reads every `@Topic` now, so that a conflict is found at start. @throws FanoutError FANOUT_TOPIC_CONFLICT */
  load(): void {
    this.#declared ??= this.#collect();
  }

  #collect(): Declared {
    const [topics, presences] = [new DeclaredPolicies(), new DeclaredPolicies()];
    const declarations = this.#declarations();
    for (const alike of groupsOf(declarations))
      (isPresenceName(alike[0]!.pattern.text) ? presences : topics).add(alike);
    return { topics, presences, misses: new NearMisses(declarations, this.#warn) };
  }

  #declarations(): Declaration[] {
    return this.#explorer.gateways.flatMap(({ name, port, path, topics }) =>
      topics.map(({ pattern, method, options }) => ({
        pattern,
        policy: Object.freeze({ ...options, slow: options.slow ?? this.#slow }),
        place: `${port}:${path}`,
        name: `${name}.${method}`,
      })),
    );
  }
}

/** Policies of the `@Topic` decorators of an application. */
interface Declared {
  readonly topics: DeclaredPolicies;
  readonly presences: DeclaredPolicies;
  readonly misses: NearMisses;
}

/** Groups declarations whose patterns match the same topics. */
function groupsOf(declarations: readonly Declaration[]): Declaration[][] {
  const groups: Declaration[][] = [];
  const patterns = new TopicPatterns<Declaration[]>();
  for (const declaration of declarations) {
    const group = [declaration];
    const present = patterns.add(declaration.pattern, group);
    if (present === undefined) groups.push(group);
    else present.route.push(declaration);
  }
  return groups;
}

/** Policies by pattern: for all paths together, and for each path. */
class DeclaredPolicies {
  readonly #all = new TopicPatterns<TopicPolicy>();
  readonly #byPlace = new Map<string, TopicPatterns<TopicPolicy>>();

  /** Adds the declarations of patterns that match the same topics. @throws FanoutError FANOUT_TOPIC_CONFLICT */
  add(alike: readonly Declaration[]): void {
    const [first] = alike;
    for (const other of alike) assertAgreement(first!, other);
    const history = alike.map(({ policy }) => policy.history).reduce(longest);
    // One object for all paths lets `find` compare by identity.
    const policy = Object.freeze({ ...first!.policy, history });
    this.#all.add(first!.pattern, policy);
    for (const { place, pattern } of alike) {
      const patterns = this.#byPlace.get(place) ?? new TopicPatterns<TopicPolicy>();
      this.#byPlace.set(place, patterns);
      patterns.add(pattern, policy);
    }
  }

  /**
   * The policy of a topic, or undefined. Most names have no subscriber, so a name without a match costs one search
   * only.
   */
  find(name: string): TopicPolicy | undefined {
    const policy = this.#all.find(name)?.route;
    if (policy === undefined || this.#byPlace.size === 1) return policy;
    let { history } = policy;
    for (const patterns of this.#byPlace.values()) {
      const other = patterns.find(name)?.route;
      if (other !== undefined && other !== policy) history = longest(history, other.history);
    }
    return history === policy.history ? policy : { ...policy, history };
  }
}

/** The larger of each bound. A history of size 0 has no bounds. */
function longest(a: HistoryPolicy, b: HistoryPolicy): HistoryPolicy {
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  return Object.freeze({
    size: Math.max(a.size, b.size),
    ttl: Math.max(a.ttl, b.ttl),
    bytes: Math.max(a.bytes, b.bytes),
  });
}

/** Fields that two policies must have in common, by the name of the option. */
const COMMON: Record<string, (policy: TopicPolicy) => readonly unknown[]> = {
  conflate: ({ keyOf }) => [keyOf],
  every: ({ every }) => [every],
  slow: ({ slow }) => [slow],
  presence: ({ presence }) => [presence?.info, presence?.debounce, presence?.members],
};

function assertAgreement(a: Declaration, b: Declaration): void {
  for (const [option, partsOf] of Object.entries(COMMON)) {
    const parts = partsOf(b.policy);
    if (partsOf(a.policy).every((part, i) => part === parts[i])) continue;
    throw new FanoutError('FANOUT_TOPIC_CONFLICT', a.pattern.text, a.name, b.pattern.text, b.name, option);
  }
}
