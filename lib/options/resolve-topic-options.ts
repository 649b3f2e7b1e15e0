import type { HistoryPolicy, PresencePolicy } from '../topic/topic-policy.js';
import {
  badOption,
  check,
  deepFreeze,
  definedOf,
  duration,
  integer,
  isIntegerFrom,
  isObject,
  oneOf,
  type Rule,
  type RulesOf,
} from './rules.js';
import type { ResolvedTopicOptions, TopicOptions } from './topic-options.js';

const isFunction = (value: unknown): boolean => typeof value === 'function';

const HISTORY: Rule = {
  must: 'an integer of at least 0 (publications) or an object with a size',
  holds: value => isIntegerFrom(0, value) || (isObject(value) && 'size' in value && value.size !== undefined),
  default: 0,
};

const CONFLATE: Rule = {
  must: 'true or a function of the data',
  holds: value => value === true || isFunction(value),
  default: undefined,
};

const PRESENCE: Rule = {
  must: 'true, a function of the connection or an object',
  holds: value => value === true || isFunction(value) || isObject(value),
  default: undefined,
};

const INFO: Rule = { must: 'a function of the connection', holds: isFunction, default: undefined };

/** Every option of `@Topic`, and those of its groups. The one place that knows the defaults. */
const RULES: {
  readonly topic: RulesOf<TopicOptions>;
  readonly history: RulesOf<HistoryPolicy>;
  readonly presence: RulesOf<PresencePolicy>;
} = {
  topic: {
    history: HISTORY,
    slow: oneOf(['catch-up', 'gap', 'conflate', 'disconnect'], undefined),
    conflate: CONFLATE,
    every: duration(0, 0),
    presence: PRESENCE,
  },
  history: {
    size: integer(0, undefined, 'publications'),
    ttl: duration(1, 300_000),
    bytes: integer(1, 1_048_576, 'bytes'),
  },
  presence: { info: INFO, debounce: duration(0, 200), members: integer(0, 1000, 'members') },
};

/** The key of a topic that conflates to its latest publication. One function, so that two such topics are alike. */
const latest = (): string => '';

/**
 * The options of one `@Topic` with every default in place, frozen. Pure.
 * @throws FanoutError FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function resolveTopicOptions(given: TopicOptions = {}): ResolvedTopicOptions {
  const { slow, conflate, every, history, presence } = check<Required<TopicOptions>>(
    '',
    definedOf('options', given),
    RULES.topic,
  );
  if (conflate === undefined) {
    if (slow === 'conflate') throw badOption('slow', 'another policy when conflate is left out', slow);
    if (given.every !== undefined)
      throw badOption('every', 'left out when conflate is left out', given.every);
  }
  return deepFreeze({
    history: resolveHistory(history),
    slow: slow ?? (conflate === undefined ? undefined : 'conflate'),
    keyOf: conflate === true ? latest : conflate,
    every,
    presence: resolvePresence(presence),
  });
}

function resolveHistory(given: number | object): HistoryPolicy {
  const history = typeof given === 'number' ? { size: given } : given;
  return check<HistoryPolicy>('history.', definedOf('history', history), RULES.history);
}

function resolvePresence(given: TopicOptions['presence']): PresencePolicy | undefined {
  if (given === undefined) return undefined;
  const presence = given === true ? {} : isObject(given) ? given : { info: given };
  return check<PresencePolicy>('presence.', definedOf('presence', presence), RULES.presence);
}
