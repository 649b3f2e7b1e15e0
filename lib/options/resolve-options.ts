import { getHeapStatistics } from 'node:v8';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { HeartbeatPolicy } from '../heartbeat/heartbeat-monitor.js';
import { canonicalOrigin, isNetwork } from './addresses.js';
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
  isIntegerFrom,
  isObject,
  oneOf,
  type RulesOf,
} from './rules.js';

/** Bytes. What the process may take on the heap does not change while it runs. */
const QUARTER_OF_HEAP = Math.floor(getHeapStatistics().heap_size_limit / 4);

/** A client on a bad line sends a message in small pieces; these are smaller than any line makes them. */
const BYTES_PER_CHUNK = 64;
const LEAST_CHUNKS = 1024;

/** Options that are no group. */
type Admission = Pick<ResolvedFanoutOptions, 'origins' | 'trustProxy' | 'unmatched' | 'globalEnhancers'>;

type GroupName = Exclude<keyof ResolvedFanoutOptions, keyof Admission>;

/** The values of a group, while they are resolved. */
type Group<Name extends GroupName> = Writable<Exclude<ResolvedFanoutOptions[Name], false>>;

type Writable<T> = { -readonly [Name in keyof T]: T[Name] };

/** Every option that is a plain value, by group. The one place that knows the defaults. */
const RULES: { readonly [Name in GroupName]: RulesOf<Group<Name>> } = {
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
    lag: duration(0, 5000),
    budget: integer(1024, QUARTER_OF_HEAP, 'bytes'),
    policy: oneOf(['catch-up', 'gap', 'disconnect'], 'catch-up'),
  },
  history: {
    budget: integer(1024, QUARTER_OF_HEAP, 'bytes'),
    recoveries: integer(1, 256, 'connections'),
  },
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
    connectionsPerIp: integer(0, 0, 'connections'),
    connectionsPerUser: integer(0, 0, 'connections'),
    connectionsPerSecond: integer(0, 0, 'connections'),
    connectionsPerSecondPerIp: integer(0, 0, 'connections'),
    payload: integer(1, 65_536, 'bytes'),
    publication: integer(1, undefined, 'bytes'),
    fragments: integer(1, 64, 'fragments'),
    bufferedChunks: integer(1, undefined, 'chunks'),
    messageTime: duration(0, 15_000),
    topicsPerConnection: integer(0, 128, 'topics'),
    topics: integer(0, 250_000, 'topics'),
    subscribesPerSecond: integer(0, 100, 'topics'),
    messagesPerSecond: integer(0, 100, 'messages'),
    burst: integer(1, undefined, 'messages'),
    bytesPerSecond: integer(0, 1_048_576, 'bytes'),
    streams: integer(1, 128, 'streams'),
    inFlight: integer(1, 1, 'messages'),
    unreadyBytes: integer(0, 16_777_216, 'bytes'),
    pingsPerSecond: integer(0, 10, 'pings'),
    rejections: integer(0, 1000, 'messages'),
    banTime: duration(0, 0),
    handshake: duration(1, 5000),
    loopDelay: duration(0, 500),
    heap: {
      must: 'a number from 0 to 1',
      holds: (value: unknown) => typeof value === 'number' && value >= 0 && value <= 1,
      default: 0.9,
    },
  },
  handshake: {
    keep: {
      must: 'an array of header names',
      holds: (value: unknown) =>
        Array.isArray(value) && value.every(name => typeof name === 'string' && name !== ''),
      default: [],
    },
    renewBefore: duration(0, 30_000),
  },
  publishing: { check: oneOf(['development', 'always', 'listeners'], 'development') },
  shutdown: { drain: duration(0, 5000) },
};

/** Rules of the options that are no group. */
const ADMISSION: RulesOf<Admission> = {
  origins: {
    must: "'same', a list of origins (scheme, host and port, such as 'https://example.com'; or 'null', or 'file://'), or a function",
    holds: (value: unknown) =>
      value === 'same' ||
      typeof value === 'function' ||
      (Array.isArray(value) && value.every(origin => canonicalOrigin(origin) !== undefined)),
    default: undefined,
  },
  trustProxy: {
    must: "a number of proxies, or a list of their addresses and networks such as '10.0.0.0/8'",
    holds: (value: unknown) => isIntegerFrom(0, value) || (Array.isArray(value) && value.every(isNetwork)),
    default: 0,
  },
  unmatched: oneOf(['ignore', 'refuse'], 'ignore'),
  globalEnhancers: oneOf(['messages', 'handshake'], 'messages'),
};

/**
 * The options with every default in place, frozen. Pure: `forRoot` and `forRootAsync` both end here.
 * @throws FanoutError FANOUT_OPTION, FANOUT_OPTION_UNKNOWN
 */
export function resolveOptions(given: FanoutOptions = {}): ResolvedFanoutOptions {
  assertObject('options', given);
  assertKnown('', given, [...Object.keys(RULES), ...Object.keys(ADMISSION)]);
  const flush = group('flush', given.flush);
  if (flush.window !== undefined) {
    const other = (['maxDelay', 'utilisation'] as const).find(name => given.flush![name] !== undefined);
    if (other) throw badOption(`flush.${other}`, 'left out when flush.window is set', given.flush![other]);
  }
  const slowConsumer = group('slowConsumer', given.slowConsumer);
  const limits = group('limits', given.limits);
  limits.publication ??= slowConsumer.maxBytes;
  limits.burst ??= Math.max(1, limits.messagesPerSecond * 2);
  limits.bufferedChunks ??= Math.max(LEAST_CHUNKS, Math.ceil(limits.payload / BYTES_PER_CHUNK));
  const { origins, trustProxy, unmatched, globalEnhancers } = given;
  const admission = check<Admission>('', { origins, trustProxy, unmatched, globalEnhancers }, ADMISSION);
  const handshake = group('handshake', given.handshake);
  return deepFreeze({
    flush,
    heartbeat: resolveHeartbeat('heartbeat', given.heartbeat),
    slowConsumer,
    history: group('history', given.history),
    compression: resolveCompression(given.compression),
    limits,
    ...admission,
    // As browsers write them, so that they can be compared as text.
    origins: Array.isArray(admission.origins)
      ? admission.origins.map(origin => canonicalOrigin(origin)!)
      : admission.origins,
    // Node gives header names in lower case.
    handshake: { ...handshake, keep: handshake.keep.map(name => name.toLowerCase()) },
    publishing: group('publishing', given.publishing),
    shutdown: group('shutdown', given.shutdown),
  });
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
  const resolved = check<HeartbeatPolicy>(`${name}.`, policy, RULES.heartbeat);
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

function resolveCompression(given: FanoutOptions['compression']): Group<'compression'> | false {
  if (given === undefined || given === false) return false;
  if (given === true) return group('compression', {});
  if (!isObject(given)) throw badOption('compression', 'true, false or an object', given);
  return group('compression', given);
}

function group<Name extends GroupName>(name: Name, given: unknown): Group<Name> {
  return check<Group<Name>>(`${name}.`, definedOf(name, given), RULES[name]);
}
