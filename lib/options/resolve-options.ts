import { getHeapStatistics } from 'node:v8';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { HeartbeatPolicy } from '../heartbeat/heartbeat-monitor.js';
import type { FanoutOptions, ResolvedFanoutOptions } from './fanout-options.js';
import {
  assertKnown,
  assertObject,
  badOption,
  check,
  deepFreeze,
  definedOf,
  duration,
  integer,
  isObject,
  oneOf,
  type Rules,
} from './rules.js';

/** Bytes. What the process may take on the heap does not change while it runs. */
const QUARTER_OF_HEAP = Math.floor(getHeapStatistics().heap_size_limit / 4);

/** Every option that is a plain value, by group. The one place that knows the defaults. */
const RULES = {
  flush: {
    maxDelay: duration(0, 50),
    maxBytes: integer(0, 65536, 'bytes'),
    utilisation: {
      must: 'a number above 0 and up to 1',
      holds: (value: unknown) => typeof value === 'number' && value > 0 && value <= 1,
      default: 0.5,
    },
    slice: duration(0.1, 8),
    window: duration(0, undefined),
  },
  heartbeat: { interval: duration(1, 10_000), timeout: duration(1, 30_000) },
  slowConsumer: {
    maxBytes: integer(1024, 1_048_576, 'bytes'),
    grace: duration(1, 15_000),
    budget: integer(1024, QUARTER_OF_HEAP, 'bytes'),
    policy: oneOf(['catch-up', 'gap', 'disconnect'], 'catch-up'),
  },
  history: { budget: integer(1024, QUARTER_OF_HEAP, 'bytes') },
  compression: {
    threshold: integer(0, 512, 'bytes'),
    level: {
      must: 'an integer from 1 to 9',
      holds: (value: unknown) => Number.isInteger(value) && (value as number) >= 1 && (value as number) <= 9,
      default: 6,
    },
  },
  limits: {
    connections: integer(1, 50_000, 'connections'),
    payload: integer(1, 65_536, 'bytes'),
    fragments: integer(1, 64, 'fragments'),
    topicsPerConnection: integer(0, 128, 'topics'),
    messagesPerSecond: integer(0, 100, 'messages'),
    burst: integer(1, undefined, 'messages'),
    handshake: duration(1, 5000),
  },
  handshake: {
    keep: {
      must: 'an array of header names',
      holds: (value: unknown) =>
        Array.isArray(value) && value.every(name => typeof name === 'string' && name !== ''),
      default: [],
    },
  },
  shutdown: { drain: duration(0, 5000) },
} satisfies Record<string, Rules>;

/**
 * The options with every default in place, frozen. Pure: `forRoot` and `forRootAsync` both end here.
 * @throws FanoutError FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function resolveOptions(given: FanoutOptions = {}): ResolvedFanoutOptions {
  assertObject('options', given);
  assertKnown('', given, Object.keys(RULES));
  const flush = group('flush', given.flush);
  if (flush.window !== undefined) {
    const other = (['maxDelay', 'utilisation'] as const).find(name => given.flush![name] !== undefined);
    if (other) throw badOption(`flush.${other}`, 'left out when flush.window is set', given.flush![other]);
  }
  const limits = group('limits', given.limits);
  limits.burst ??= Math.max(1, (limits.messagesPerSecond as number) * 2);
  const handshake = group('handshake', given.handshake);
  return deepFreeze({
    flush,
    heartbeat: resolveHeartbeat('heartbeat', given.heartbeat),
    slowConsumer: group('slowConsumer', given.slowConsumer),
    history: group('history', given.history),
    compression: resolveCompression(given.compression),
    limits,
    // Node gives header names in lower case.
    handshake: { keep: (handshake.keep as string[]).map(name => name.toLowerCase()) },
    shutdown: group('shutdown', given.shutdown),
  }) as unknown as ResolvedFanoutOptions;
}

/**
 * A heartbeat policy with what is missing taken from `fallback` (the defaults, when there is none).
 * @throws FanoutError FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function resolveHeartbeat(
  name: string,
  given: Partial<HeartbeatPolicy> | false | undefined,
  fallback?: HeartbeatPolicy,
): HeartbeatPolicy | false {
  if (given === false) return false;
  const policy = { ...fallback, ...definedOf(name, given) };
  const resolved = check(`${name}.`, policy, RULES.heartbeat) as unknown as HeartbeatPolicy;
  if (resolved.timeout <= resolved.interval) {
    throw new FanoutError(
      'FANOUT_OPTION',
      `${name}.timeout`,
      `above ${name}.interval (${resolved.interval})`,
      shown(resolved.timeout) + (policy.timeout === undefined ? ', its default' : ''),
    );
  }
  return Object.freeze(resolved);
}

function resolveCompression(given: FanoutOptions['compression']): Record<string, unknown> | false {
  if (given === undefined || given === false) return false;
  if (given === true) return group('compression', {});
  if (!isObject(given)) throw badOption('compression', 'true, false or an object', given);
  return group('compression', given);
}

function group(name: keyof typeof RULES, given: unknown): Record<string, unknown> {
  return check(`${name}.`, definedOf(name, given), RULES[name]);
}
