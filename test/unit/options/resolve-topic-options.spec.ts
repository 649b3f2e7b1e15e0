import { describe, expect, it } from 'vitest';
import { FanoutError } from '../../../lib/errors/fanout-error.js';
import { resolveTopicOptions } from '../../../lib/options/resolve-topic-options.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import { topicOptions } from '../../support/unit/options-source.js';

const HISTORY = { size: 0, ttl: 300_000, bytes: 1_048_576 };
const PRESENCE = { info: undefined, debounce: 200, members: 1000 };

const DEFAULTS = { history: HISTORY, slow: undefined, keyOf: undefined, every: 0, presence: undefined };

const symbolOf = (data: { symbol: string }): string => data.symbol;

function errorOf(given: unknown): FanoutError {
  try {
    resolveTopicOptions(given as TopicOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(FanoutError);
    return error as FanoutError;
  }
  return expect.unreachable(`${JSON.stringify(given)} is taken`) as never;
}

describe('resolveTopicOptions', () => {
  it.each([undefined, {}, { history: undefined, slow: undefined, every: undefined }])(
    'has every default for %j',
    given => {
      expect(resolveTopicOptions(given)).toStrictEqual(DEFAULTS);
    },
  );

  describe('the documented defaults', () => {
    /** What stands after `@default`, with the value it stands for. */
    const MEANT: Record<string, [text: string, value: unknown]> = {
      'history.ttl': ['300000', HISTORY.ttl],
      'history.bytes': ['1048576', HISTORY.bytes],
      'presence.debounce': ['200', PRESENCE.debounce],
      'presence.members': ['1000', PRESENCE.members],
      history: ['0', HISTORY.size],
      slow: ["slowConsumer.policy, or 'conflate' with conflate", undefined],
      every: ['0', 0],
    };

    it('are read from every interface, and every option says what it is', () => {
      expect(topicOptions.unknownInterfaces).toEqual([]);
      expect(topicOptions.undocumented).toEqual([]);
      expect(topicOptions.documented.map(({ name }) => name).sort()).toEqual(
        [...Object.keys(MEANT), 'conflate', 'history.size', 'presence', 'presence.info'].sort(),
      );
    });

    it('are those of the code', () => {
      const { history, presence, every, slow } = resolveTopicOptions({ presence: true });
      const actual: Record<string, unknown> = { history: history.size, every, slow };
      for (const [name, value] of Object.entries(history)) actual[`history.${name}`] = value;
      for (const [name, value] of Object.entries(presence!)) actual[`presence.${name}`] = value;
      for (const [name, [, value]] of Object.entries(MEANT)) expect(actual[name], name).toBe(value);
    });

    it.each(topicOptions.documented)('of $name is $default, or it says that it has none', option => {
      expect(option.default).toBe(MEANT[option.name]?.[0]);
      if (option.default === undefined) expect(option.comment).toContain('No default');
    });
  });

  it('is frozen to the bottom, and so is nothing of the caller', () => {
    const given = { history: { size: 5 }, conflate: symbolOf, presence: { info: symbolOf as never } };
    const resolved = resolveTopicOptions(given);
    const parts = [resolved, resolved.history, resolved.presence];
    expect(parts.map(part => Object.isFrozen(part))).toEqual([true, true, true]);
    expect([given, given.history, given.presence, symbolOf].some(Object.isFrozen)).toBe(false);
  });

  describe('history', () => {
    it.each([
      [100, { ...HISTORY, size: 100 }],
      [{ size: 100 }, { ...HISTORY, size: 100 }],
      [{ size: 0 }, HISTORY],
      [
        { size: 1, ttl: 1, bytes: 1 },
        { size: 1, ttl: 1, bytes: 1 },
      ],
      [
        { size: 1, ttl: undefined },
        { ...HISTORY, size: 1 },
      ],
    ])('of %j is %j', (history, resolved) => {
      expect(resolveTopicOptions({ history }).history).toStrictEqual(resolved);
    });
  });

  describe('conflate', () => {
    it('has the key of the function', () => {
      expect(resolveTopicOptions({ conflate: symbolOf }).keyOf).toBe(symbolOf);
    });

    it('has one key for everything with true, and the same function each time', () => {
      const { keyOf } = resolveTopicOptions({ conflate: true });
      expect(keyOf!({ symbol: 'a' })).toBe(keyOf!({ symbol: 'b' }));
      expect(resolveTopicOptions({ conflate: true, every: 5 }).keyOf).toBe(keyOf);
    });

    it('is what becomes of the slow, unless that is said', () => {
      expect(resolveTopicOptions({ conflate: true }).slow).toBe('conflate');
      for (const slow of ['catch-up', 'gap', 'conflate', 'disconnect'] as const)
        expect(resolveTopicOptions({ conflate: true, slow }).slow).toBe(slow);
    });

    it.each(['catch-up', 'gap', 'disconnect'] as const)('is not needed for slow: %s', slow => {
      expect(resolveTopicOptions({ slow }).slow).toBe(slow);
    });

    it.each([0, 0.5, 2 ** 31 - 1])('goes with every: %j', every => {
      expect(resolveTopicOptions({ conflate: true, every }).every).toBe(every);
    });

    it.each([
      [
        { slow: 'conflate' },
        `Option "slow" must be another policy when conflate is left out; got 'conflate'.`,
      ],
      [{ every: 500 }, 'Option "every" must be left out when conflate is left out; got 500.'],
      [{ every: 0 }, 'Option "every" must be left out when conflate is left out; got 0.'],
    ])('is needed for %j', (given, message) => {
      expect(errorOf(given)).toMatchObject({ code: 'FANOUT_OPTION', message });
    });
  });

  describe('presence', () => {
    const info = (): string => 'x';

    it.each<[TopicOptions['presence'], object]>([
      [true, PRESENCE],
      [{}, PRESENCE],
      [info, { ...PRESENCE, info }],
      [{ info }, { ...PRESENCE, info }],
      [
        { debounce: 0, members: 0 },
        { info: undefined, debounce: 0, members: 0 },
      ],
    ])('of %j is %j', (presence, resolved) => {
      expect(resolveTopicOptions({ presence }).presence).toStrictEqual(resolved);
    });
  });

  describe('a bad value', () => {
    const SIZE = 'an integer of at least 0 (publications)';
    const BAD: [name: string, given: object, must: string][] = [
      ...[-1, 1.5, Number.NaN, Infinity, '5', null, true, [5], {}, { ttl: 5 }, { size: undefined }].map(
        (history): [string, object, string] => ['history', { history }, `${SIZE} or an object with a size`],
      ),
      ...[-1, 1.5, '5', null].map((size): [string, object, string] => [
        'history.size',
        { history: { size } },
        SIZE,
      ]),
      ...[0, -1, '1s', Infinity, null].map((ttl): [string, object, string] => [
        'history.ttl',
        { history: { size: 1, ttl } },
        'a number of milliseconds from 1 to 2147483647',
      ]),
      ['history.bytes', { history: { size: 1, bytes: 0 } }, 'an integer of at least 1 (bytes)'],
      ...['drop', 5, null, ['gap']].map((slow): [string, object, string] => [
        'slow',
        { slow },
        "'catch-up', 'gap', 'conflate' or 'disconnect'",
      ]),
      ...[false, 'symbol', null, {}].map((conflate): [string, object, string] => [
        'conflate',
        { conflate },
        'true or a function of the data',
      ]),
      ['every', { conflate: true, every: -1 }, 'a number of milliseconds from 0 to 2147483647'],
      ...[false, 'x', null, []].map((presence): [string, object, string] => [
        'presence',
        { presence },
        'true, a function of the connection or an object',
      ]),
      ['presence.info', { presence: { info: 'name' } }, 'a function of the connection'],
      ['presence.debounce', { presence: { debounce: -1 } }, 'a number of milliseconds from 0 to 2147483647'],
      ['presence.members', { presence: { members: 0.5 } }, 'an integer of at least 0 (members)'],
    ];

    it.each(BAD)('of %s, in %j, is refused with what it must be', (name, given, must) => {
      const error = errorOf(given);
      expect(error.code).toBe('FANOUT_OPTION');
      expect(error.message).toContain(`Option "${name}" must be ${must}; got `);
    });

    it('is tried for every option there is', () => {
      const tried = BAD.map(([name]) => name);
      expect(topicOptions.documented.filter(({ name }) => !tried.includes(name))).toEqual([]);
    });

    it.each([null, 5, 'x', [], () => {}])('of the options themselves is %j', given => {
      expect(errorOf(given).message).toContain('Option "options" must be an object; got ');
    });
  });

  describe('an unknown name', () => {
    it.each([
      ['histroy', { histroy: 5 }, 'history, slow, conflate, every, presence'],
      ['history.length', { history: { size: 1, length: 5 } }, 'size, ttl, bytes'],
      ['presence.member', { presence: { member: 5 } }, 'info, debounce, members'],
    ])('%s is refused, and the known ones are named', (name, given, known) => {
      expect(errorOf(given)).toMatchObject({
        code: 'FANOUT_OPTION_UNKNOWN',
        message: `Option "${name}" does not exist; the options here are ${known}.`,
      });
    });
  });
});
