import { getHeapStatistics } from 'node:v8';
import { describe, expect, it } from 'vitest';
import { FanoutError } from '../../../lib/errors/fanout-error.js';
import type { FanoutOptions } from '../../../lib/options/fanout-options.js';
import { resolveHeartbeat, resolveOptions } from '../../../lib/options/resolve-options.js';
import { fanoutOptions } from '../../support/unit/options-source.js';

const COMPRESSION = { threshold: 512, level: 6 };

const QUARTER_OF_HEAP = Math.floor(getHeapStatistics().heap_size_limit / 4);

const DEFAULTS = {
  flush: { maxDelay: 50, maxBytes: 65_536, utilisation: 0.5, slice: 8, window: undefined },
  heartbeat: { interval: 10_000, timeout: 30_000 },
  slowConsumer: {
    maxBytes: 1_048_576,
    grace: 15_000,
    lag: 5000,
    budget: QUARTER_OF_HEAP,
    policy: 'catch-up',
  },
  history: { budget: QUARTER_OF_HEAP, recoveries: 256 },
  compression: false,
  limits: {
    connections: 50_000,
    connectionsPerIp: 0,
    connectionsPerUser: 0,
    connectionsPerSecond: 0,
    connectionsPerSecondPerIp: 0,
    payload: 65_536,
    publication: 1_048_576,
    fragments: 64,
    bufferedChunks: 1024,
    messageTime: 15_000,
    topicsPerConnection: 128,
    topics: 250_000,
    subscribesPerSecond: 100,
    messagesPerSecond: 100,
    burst: 200,
    bytesPerSecond: 1_048_576,
    streams: 128,
    inFlight: 1,
    unreadyBytes: 16_777_216,
    pingsPerSecond: 10,
    rejections: 1000,
    banTime: 0,
    handshake: 5000,
    loopDelay: 500,
    heap: 0.9,
  },
  origins: undefined,
  trustProxy: 0,
  unmatched: 'ignore',
  globalEnhancers: 'messages',
  handshake: { keep: [], renewBefore: 30_000 },
  publishing: { check: 'development' },
  shutdown: { drain: 5000 },
};

/** Options that are values themselves, not groups. */
const VALUES = ['origins', 'trustProxy', 'unmatched', 'globalEnhancers'];

/** Options with one value at a path such as `limits.payload`. */
function withOption(path: string, value: unknown): FanoutOptions {
  const [group, name] = path.split('.');
  return (name === undefined ? { [group!]: value } : { [group!]: { [name]: value } }) as FanoutOptions;
}

const at = (options: object, path: string): unknown =>
  path.split('.').reduce((part: any, name) => part[name], options);

function errorOf(given: unknown): FanoutError {
  try {
    resolveOptions(given as FanoutOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(FanoutError);
    return error as FanoutError;
  }
  return expect.unreachable(`${JSON.stringify(given)} is taken`) as never;
}

/** What stands after `@default`, as a value. */
function valueOf(text: string): unknown {
  if (text === 'the value of slowConsumer.maxBytes') return DEFAULTS.slowConsumer.maxBytes;
  if (text === 'twice messagesPerSecond') return DEFAULTS.limits.messagesPerSecond * 2;
  if (text.startsWith('one for each 64 bytes')) return DEFAULTS.limits.payload / 64;
  if (text.startsWith("'same' for requests with cookies")) return undefined;
  if (text === 'a quarter of the heap limit') return QUARTER_OF_HEAP;
  return JSON.parse(text.replaceAll(/(\w+):/g, '"$1":').replaceAll("'", '"'));
}

describe('resolveOptions', () => {
  it.each([undefined, {}, { flush: {}, limits: {}, heartbeat: {}, handshake: {} }, { flush: undefined }])(
    'has every default for %j',
    given => {
      expect(resolveOptions(given)).toStrictEqual(DEFAULTS);
    },
  );

  describe('the documented defaults', () => {
    it('are read from every interface, and every option says what it is', () => {
      expect(fanoutOptions.unknownInterfaces).toEqual([]);
      expect(fanoutOptions.undocumented).toEqual([]);
      expect(fanoutOptions.documented.map(({ name }) => name).sort()).toEqual(
        [
          'compression',
          'heartbeat',
          ...VALUES,
          ...Object.keys(COMPRESSION).map(name => `compression.${name}`),
          ...Object.entries(DEFAULTS)
            .filter(([name]) => !['heartbeat', 'compression', ...VALUES].includes(name))
            .flatMap(([group, values]) => Object.keys(values as object).map(name => `${group}.${name}`)),
        ].sort(),
      );
    });

    it.each(fanoutOptions.documented.filter(option => option.default !== undefined))(
      'of $name is $default',
      ({ name, default: text }) => {
        const given = name.startsWith('compression.') ? { compression: true } : {};
        expect(at(resolveOptions(given), name)).toEqual(valueOf(text!));
      },
    );

    it('are given for all but the window, which says that it has none', () => {
      const without = fanoutOptions.documented.filter(option => option.default === undefined);
      expect(without.map(({ name }) => name)).toEqual(['flush.window']);
      expect(without[0]!.comment).toContain('No default');
      expect(resolveOptions().flush.window).toBeUndefined();
    });
  });

  it('is frozen to the bottom, and so is nothing of the caller', () => {
    const given = { handshake: { keep: ['a'] }, heartbeat: { interval: 1, timeout: 2 } };
    const resolved = resolveOptions(given);
    const parts = [resolved, resolved.flush, resolved.heartbeat, resolved.handshake, resolved.handshake.keep];
    expect(parts.map(part => Object.isFrozen(part))).toEqual([true, true, true, true, true]);
    expect(
      [resolved.limits, resolved.shutdown, resolved.slowConsumer, resolved.history].every(Object.isFrozen),
    ).toBe(true);
    given.handshake.keep.push('b');
    expect(resolved.handshake.keep).toEqual(['a']);
    expect([given, given.heartbeat, given.handshake].some(Object.isFrozen)).toBe(false);
  });

  describe('a good value', () => {
    it.each([
      ['flush.maxDelay', 0],
      ['flush.maxDelay', 0.5],
      ['flush.maxBytes', 0],
      ['flush.utilisation', 1],
      ['flush.utilisation', 0.001],
      ['flush.slice', 0.1],
      ['flush.window', 500],
      ['flush.window', 0],
      ['slowConsumer.maxBytes', 1024],
      ['slowConsumer.grace', 1],
      ['slowConsumer.lag', 0],
      ['slowConsumer.budget', 1024],
      ...['catch-up', 'gap', 'disconnect'].map((value): [string, unknown] => ['slowConsumer.policy', value]),
      ['history.budget', 1024],
      ['history.recoveries', 1],
      ['limits.connections', 1],
      ['limits.publication', 1],
      ['limits.topicsPerConnection', 0],
      ['limits.messagesPerSecond', 0],
      ['limits.burst', 1],
      ...[
        'connectionsPerIp',
        'connectionsPerUser',
        'connectionsPerSecond',
        'connectionsPerSecondPerIp',
        'messageTime',
        'topics',
        'subscribesPerSecond',
        'bytesPerSecond',
        'unreadyBytes',
        'pingsPerSecond',
        'rejections',
        'banTime',
        'loopDelay',
        'heap',
      ].map((name): [string, unknown] => [`limits.${name}`, 0]),
      ['limits.heap', 1],
      ['origins', 'same'],
      ['trustProxy', 2],
      ['unmatched', 'refuse'],
      ['globalEnhancers', 'handshake'],
      ['publishing.check', 'always'],
      ['handshake.renewBefore', 0],
      ['shutdown.drain', 0],
      ['compression', false],
      ['compression.threshold', 0],
      ['compression.level', 1],
      ['compression.level', 9],
    ])('of %s is %j', (path, value) => {
      expect(at(resolveOptions(withOption(path, value)), path)).toBe(value);
    });

    it('leaves the other defaults of its group in place', () => {
      const resolved = resolveOptions({ limits: { payload: 1 }, heartbeat: { interval: 5 } });
      expect(resolved.limits).toEqual({ ...DEFAULTS.limits, payload: 1 });
      expect(resolved.heartbeat).toEqual({ interval: 5, timeout: 30_000 });
    });

    it('of burst follows messagesPerSecond, and is at least one', () => {
      const burst = (limits: FanoutOptions['limits']): number => resolveOptions({ limits }).limits.burst;
      expect(burst({ messagesPerSecond: 7 })).toBe(14);
      expect(burst({ messagesPerSecond: 0 })).toBe(1);
      expect(burst({ messagesPerSecond: 7, burst: 3 })).toBe(3);
    });

    it('of publication follows slowConsumer.maxBytes, and may be more or less', () => {
      const publication = (options: FanoutOptions): number => resolveOptions(options).limits.publication;
      const slowConsumer = { maxBytes: 5000 };
      expect(publication({ slowConsumer })).toBe(5000);
      expect(publication({ slowConsumer, limits: { publication: 6000 } })).toBe(6000);
      expect(publication({ slowConsumer, limits: { publication: 10 } })).toBe(10);
    });

    it('of bufferedChunks follows payload, and is at least 1024', () => {
      const chunks = (limits: FanoutOptions['limits']): number =>
        resolveOptions({ limits }).limits.bufferedChunks;
      expect(chunks({ payload: 1_000_000 })).toBe(15_625);
      expect(chunks({ payload: 1 })).toBe(1024);
      expect(chunks({ payload: 1_000_000, bufferedChunks: 3 })).toBe(3);
    });

    it.each([
      ['https://app.example.com', 'https://app.example.com'],
      ['HTTPS://App.Example.com:443/', 'https://app.example.com'],
      ['http://localhost:3000', 'http://localhost:3000'],
      ['http://[::1]:80', 'http://[::1]'],
      ['chrome-extension://abcdef', 'chrome-extension://abcdef'],
      ['null', 'null'],
    ])('of origins, %s, is kept as browsers write it', (given, kept) => {
      expect(resolveOptions({ origins: [given] }).origins).toEqual([kept]);
    });

    it('of origins is a function as it is, and none means none', () => {
      const policy = (): boolean => true;
      expect(resolveOptions({ origins: policy }).origins).toBe(policy);
      expect(resolveOptions().origins).toBeUndefined();
    });

    it('of trustProxy is a list of addresses and networks', () => {
      const networks = ['10.0.0.0/8', '::1', 'fd00::/8', '192.0.2.1'];
      expect(resolveOptions({ trustProxy: networks }).trustProxy).toEqual(networks);
    });

    it.each([
      [false, false],
      [undefined, false],
      [true, COMPRESSION],
      [{}, COMPRESSION],
      [{ level: 1 }, { ...COMPRESSION, level: 1 }],
      [
        { threshold: 9, level: undefined },
        { ...COMPRESSION, threshold: 9 },
      ],
    ])('of compression %j is %j', (compression, resolved) => {
      expect(resolveOptions({ compression }).compression).toEqual(resolved);
      expect(Object.isFrozen(resolveOptions({ compression: true }).compression)).toBe(true);
    });

    it('of keep is taken in lower case, as Node gives header names', () => {
      expect(resolveOptions({ handshake: { keep: ['X-Tenant', 'cookie'] } }).handshake.keep).toEqual([
        'x-tenant',
        'cookie',
      ]);
    });
  });

  describe('a bad value', () => {
    const LONGEST = 2 ** 31;
    const BAD: [path: string, value: unknown, must: string][] = [
      ...[-1, Number.NaN, '5', null, LONGEST, Infinity].map((value): [string, unknown, string] => [
        'flush.maxDelay',
        value,
        'a number of milliseconds from 0 to 2147483647',
      ]),
      ['flush.maxBytes', -1, 'an integer of at least 0 (bytes)'],
      ['flush.maxBytes', 1.5, 'an integer of at least 0 (bytes)'],
      ['flush.utilisation', 0, 'a number above 0 and up to 1'],
      ['flush.utilisation', 1.01, 'a number above 0 and up to 1'],
      ['flush.slice', 0, 'a number of milliseconds from 0.1 to 2147483647'],
      ['flush.window', -1, 'a number of milliseconds from 0 to 2147483647'],
      ['heartbeat.interval', 0, 'a number of milliseconds from 1 to 2147483647'],
      ['heartbeat.timeout', '1s', 'a number of milliseconds from 1 to 2147483647'],
      ['slowConsumer.maxBytes', 1023, 'an integer of at least 1024 (bytes)'],
      ['slowConsumer.grace', 0, 'a number of milliseconds from 1 to 2147483647'],
      ['slowConsumer.lag', -1, 'a number of milliseconds from 0 to 2147483647'],
      ['slowConsumer.budget', 1023, 'an integer of at least 1024 (bytes)'],
      ['slowConsumer.policy', 'conflate', "'catch-up', 'gap' or 'disconnect'"],
      ['slowConsumer.policy', ['gap'], "'catch-up', 'gap' or 'disconnect'"],
      ['history.budget', 0, 'an integer of at least 1024 (bytes)'],
      ['history.recoveries', 0, 'an integer of at least 1 (connections)'],
      ['history', 5, 'an object'],
      ['limits.connections', 0, 'an integer of at least 1 (connections)'],
      ['limits.payload', 0, 'an integer of at least 1 (bytes)'],
      ['limits.publication', 0, 'an integer of at least 1 (bytes)'],
      ['limits.fragments', 0, 'an integer of at least 1 (fragments)'],
      ['limits.topicsPerConnection', -1, 'an integer of at least 0 (topics)'],
      ['limits.messagesPerSecond', -1, 'an integer of at least 0 (messages)'],
      ['limits.messagesPerSecond', 0.5, 'an integer of at least 0 (messages)'],
      ['limits.burst', 0, 'an integer of at least 1 (messages)'],
      ...(
        [
          ['connectionsPerIp', 'connections'],
          ['connectionsPerUser', 'connections'],
          ['connectionsPerSecond', 'connections'],
          ['connectionsPerSecondPerIp', 'connections'],
          ['topics', 'topics'],
          ['subscribesPerSecond', 'topics'],
          ['bytesPerSecond', 'bytes'],
          ['unreadyBytes', 'bytes'],
          ['pingsPerSecond', 'pings'],
          ['rejections', 'messages'],
        ] as const
      ).map(([name, unit]): [string, unknown, string] => [
        `limits.${name}`,
        -1,
        `an integer of at least 0 (${unit})`,
      ]),
      ['limits.bufferedChunks', 0, 'an integer of at least 1 (chunks)'],
      ['limits.streams', 0, 'an integer of at least 1 (streams)'],
      ['limits.inFlight', 0, 'an integer of at least 1 (messages)'],
      ['limits.messageTime', -1, 'a number of milliseconds from 0 to 2147483647'],
      ['limits.banTime', -1, 'a number of milliseconds from 0 to 2147483647'],
      ['limits.loopDelay', '1s', 'a number of milliseconds from 0 to 2147483647'],
      ...[-0.1, 1.1, '0.5', Number.NaN].map((value): [string, unknown, string] => [
        'limits.heap',
        value,
        'a number from 0 to 1',
      ]),
      ...[
        'other',
        true,
        ['example.com'],
        ['https://example.com/path'],
        ['https://user@example.com'],
        ['*'],
        ['https://*.example.com'],
        [5],
      ].map((value): [string, unknown, string] => [
        'origins',
        value,
        "'same', a list of origins (scheme, host and port, such as 'https://example.com'; or 'null', or 'file://'), or a function",
      ]),
      ...[
        -1,
        1.5,
        'loopback',
        ['localhost'],
        ['10.0.0.0/33'],
        ['::1/129'],
        ['1.2.3.4/'],
        ['1.2.3.4/8/8'],
      ].map((value): [string, unknown, string] => [
        'trustProxy',
        value,
        "a number of proxies, or a list of their addresses and networks such as '10.0.0.0/8'",
      ]),
      ['unmatched', 'leave', "'ignore' or 'refuse'"],
      ['globalEnhancers', 'none', "'messages' or 'handshake'"],
      ['globalEnhancers', true, "'messages' or 'handshake'"],
      ['publishing.check', true, "'development', 'always' or 'listeners'"],
      ['handshake.renewBefore', -1, 'a number of milliseconds from 0 to 2147483647'],
      ['limits.handshake', 0, 'a number of milliseconds from 1 to 2147483647'],
      ['handshake.keep', 'cookie', 'an array of header names'],
      ['handshake.keep', [''], 'an array of header names'],
      ['handshake.keep', [1], 'an array of header names'],
      ['shutdown.drain', -1, 'a number of milliseconds from 0 to 2147483647'],
      ...['yes', 1, null, [true]].map((value): [string, unknown, string] => [
        'compression',
        value,
        'true, false or an object',
      ]),
      ['compression.threshold', -1, 'an integer of at least 0 (bytes)'],
      ['compression.threshold', 0.5, 'an integer of at least 0 (bytes)'],
      ...[0, 10, 1.5, '6'].map((value): [string, unknown, string] => [
        'compression.level',
        value,
        'an integer from 1 to 9',
      ]),
      ['flush', 5, 'an object'],
      ['limits', [], 'an object'],
      ['heartbeat', true, 'an object'],
      ['heartbeat', null, 'an object'],
    ];

    it.each(BAD)('of %s, %j, is refused with what it must be', (path, value, must) => {
      const error = errorOf(withOption(path, value));
      expect(error.code).toBe('FANOUT_OPTION');
      expect(error.message).toContain(`Option "${path}" must be ${must}; got `);
      const shown = typeof value === 'string' ? `'${value}'` : Array.isArray(value) ? '[' : String(value);
      expect(error.message.split('; got ')[1]!.startsWith(shown)).toBe(true);
    });

    it('is tried for every option there is', () => {
      const tried = new Set(BAD.map(([path]) => path));
      const missing = fanoutOptions.documented.filter(({ name }) => !tried.has(name)).map(({ name }) => name);
      expect(missing).toEqual([]);
    });

    it.each([null, 5, 'x', [], () => {}])('of the options themselves is %j', given => {
      expect(errorOf(given)).toMatchObject({ code: 'FANOUT_OPTION' });
      expect(errorOf(given).message).toContain('Option "options" must be an object');
    });
  });

  describe('an unknown name', () => {
    it.each([
      [
        'flsh',
        { flsh: {} },
        'flush, heartbeat, slowConsumer, history, compression, limits, handshake, publishing, shutdown, origins, trustProxy, unmatched, globalEnhancers',
      ],
      ['flush.maxdelay', { flush: { maxdelay: 5 } }, 'maxDelay, maxBytes, utilisation, slice, window'],
      ['heartbeat.pause', { heartbeat: { pause: 5 } }, 'interval, timeout'],
      ['slowConsumer.grase', { slowConsumer: { grase: 5 } }, 'maxBytes, grace, lag, budget, policy'],
      ['history.size', { history: { size: 5 } }, 'budget, recoveries'],
      ['compression.treshold', { compression: { treshold: 5 } }, 'threshold, level'],
      ['limits.paylod', { limits: { paylod: 5 } }, 'connections, connectionsPerIp'],
      [
        'limits.__proto__',
        { limits: JSON.parse('{"__proto__":1}') as object },
        'connections, connectionsPerIp',
      ],
      ['handshake.kept', { handshake: { kept: [] } }, 'keep, renewBefore'],
      ['shutdown.drian', { shutdown: { drian: 1 } }, 'drain'],
    ])('%s is refused, and the known ones are named', (name, given, known) => {
      const error = errorOf(given);
      expect(error.code).toBe('FANOUT_OPTION_UNKNOWN');
      expect(error.message).toContain(`Option "${name}" does not exist; the options here are ${known}`);
    });
  });

  describe('flush.window', () => {
    it.each(['maxDelay', 'utilisation'])('excludes %s', name => {
      const error = errorOf({ flush: { window: 500, [name]: 1 } });
      expect(error.message).toBe(`Option "flush.${name}" must be left out when flush.window is set; got 1.`);
    });

    it('goes with the limits, and with undefined', () => {
      const flush = { window: 500, maxBytes: 1, slice: 2, maxDelay: undefined };
      expect(resolveOptions({ flush }).flush).toMatchObject({ window: 500, maxBytes: 1, slice: 2 });
    });
  });

  describe('heartbeat', () => {
    it('is off with false', () => {
      expect(resolveOptions({ heartbeat: false }).heartbeat).toBe(false);
    });

    it.each([
      [{ interval: 100, timeout: 100 }, 100, 100],
      [{ interval: 100, timeout: 50 }, 100, 50],
      [{ interval: 60_000 }, 60_000, '30000, its default'],
      [{ timeout: 500 }, 10_000, 500],
    ])('must have a timeout above its interval, also with defaults: %j', (heartbeat, interval, timeout) => {
      expect(errorOf({ heartbeat }).message).toBe(
        `Option "heartbeat.timeout" must be above heartbeat.interval (${interval}); got ${timeout}.`,
      );
    });
  });
});

describe('resolveHeartbeat', () => {
  it('takes what is missing from the fallback, and names the place in errors', () => {
    const fallback = { interval: 7, timeout: 70 };
    expect(resolveHeartbeat('@Heartbeat of A', { timeout: 9 }, fallback)).toEqual({
      interval: 7,
      timeout: 9,
    });
    expect(resolveHeartbeat('@Heartbeat of A', { interval: undefined }, fallback)).toEqual(fallback);
    expect(resolveHeartbeat('@Heartbeat of A', undefined, undefined)).toEqual(DEFAULTS.heartbeat);
    expect(resolveHeartbeat('@Heartbeat of A', false, fallback)).toBe(false);
    expect(() => resolveHeartbeat('@Heartbeat of A', { timeout: 3 }, fallback)).toThrow(
      'Option "@Heartbeat of A.timeout" must be above @Heartbeat of A.interval (7); got 3.',
    );
    expect(Object.isFrozen(fallback)).toBe(false);
  });
});
