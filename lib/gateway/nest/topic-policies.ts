import { FanoutError } from '../../errors/fanout-error.js';
import { resolveTopicOptions } from '../../options/resolve-topic-options.js';
import { NearMisses } from '../../topic/near-miss.js';
import { isPresenceName } from '../../topic/topic-name.js';
import { type TopicPattern, TopicPatterns } from '../../topic/topic-pattern.js';
import type { HistoryPolicy, SlowPolicy, TopicPolicies, TopicPolicy } from '../../topic/topic-policy.js';
import type { GatewayExplorer } from './gateway-explorer.js';

/** One `@Topic` of one gateway. */
interface Declaration {
  readonly pattern: TopicPattern;
  readonly policy: TopicPolicy;
  /** Port and path of the gateway. */
  readonly place: string;
  /** Gateway and method, for errors. */
  readonly name: string;
}

/**
 * Tells the topic room what the `@Topic` decorators say, whatever path they are on: publishing knows no paths, so a
 * topic has one policy. A topic that no `@Topic` matches has the plain one.
 *
 * Patterns of several paths that match the same topics must agree in everything but the history, or the application
 * does not start. Patterns that overlap only for some topics, such as `prices.AAPL` and `prices.:symbol`, are not
 * compared: on such a topic the one with the literal segment decides, as it does on a single path.
 * In both cases the longest history serves all, each of its bounds for itself.
 */
export class GatewayTopicPolicies implements TopicPolicies {
  readonly #explorer: GatewayExplorer;
  readonly #slow: SlowPolicy;
  readonly #plain: TopicPolicy;
  readonly #warn: (line: string) => void;
  #declared: Declared | undefined;

  /**
   * @param slow policy of the topics that have none of their own: `slowConsumer.policy`
   * @param warn called with a line for a topic that was probably misspelt
   */
  constructor(explorer: GatewayExplorer, slow: SlowPolicy, warn: (line: string) => void) {
    this.#explorer = explorer;
    this.#slow = slow;
    this.#warn = warn;
    this.#plain = Object.freeze({ ...resolveTopicOptions(), slow });
  }

  /**
   * The policy of a topic. That of a presence, `<topic>~presence`, is the plain one unless a pattern ends in
   * `~presence`: a parameter would match it, and give presences the policy of the topics they belong to.
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

  /** Reads every `@Topic` now, so that a contradiction is seen at start. @throws FanoutError FANOUT_TOPIC_CONFLICT */
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

/** Declarations of patterns that match the same topics, together. */
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

/** The policies of patterns, of all paths and of each. */
class DeclaredPolicies {
  readonly #all = new TopicPatterns<TopicPolicy>();
  readonly #byPlace = new Map<string, TopicPatterns<TopicPolicy>>();

  /** Adds declarations of patterns that match the same topics. @throws FanoutError FANOUT_TOPIC_CONFLICT */
  add(alike: readonly Declaration[]): void {
    const [first] = alike;
    for (const other of alike) assertAgreement(first!, other);
    const history = alike.map(({ policy }) => policy.history).reduce(longest);
    // One object for all paths, so that a look-up sees at a glance that they have the same.
    const policy = Object.freeze({ ...first!.policy, history });
    this.#all.add(first!.pattern, policy);
    for (const { place, pattern } of alike) {
      const patterns = this.#byPlace.get(place) ?? new TopicPatterns<TopicPolicy>();
      this.#byPlace.set(place, patterns);
      patterns.add(pattern, policy);
    }
  }

  /** The policy of a topic, or undefined. Mostly of names that nobody listens to: one search, and no more without a match. */
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

/** The larger of each bound. A history that keeps nothing has none. */
function longest(a: HistoryPolicy, b: HistoryPolicy): HistoryPolicy {
  if (b.size === 0) return a;
  if (a.size === 0) return b;
  return Object.freeze({
    size: Math.max(a.size, b.size),
    ttl: Math.max(a.ttl, b.ttl),
    bytes: Math.max(a.bytes, b.bytes),
  });
}

/** By the option a user reads of: what two policies must have in common. */
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
