import fc from 'fast-check';
import { TREACHEROUS } from './bytes.js';

/** JSON of every type where another one is expected. */
const anything: fc.Arbitrary<unknown> = fc.oneof(
  fc.jsonValue({ maxDepth: 2 }),
  fc.constantFrom<unknown>(null, true, 0, -1, 1.5, 1e308, 2 ** 53, '', ' ', [], {}, [[]], [null], {
    toString: 1,
  }),
  fc.constantFrom(...TREACHEROUS),
  fc.constantFrom('x'.repeat(300), '\u0000', '\ud800', '\u{1f600}'.repeat(20), '٣', 'é'.repeat(200)),
);

const topic = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.constantFrom(
      'feed',
      'clock',
      'chat.lobby',
      'chat.lobby~presence',
      'chat.a',
      'chat.b',
      'count.a.b',
      'count.a.broken',
      'late.x',
      'chat.denied',
      'chat.forbidden',
      'chat.broken',
      'chat.later',
      'feed~presence',
      'chat.lobby~presence~presence',
      'own.x',
      'own.y~presence',
    ),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(
        fc.constantFrom('chat', 'count.x', 'late', 'feed', ''),
        fc.oneof(fc.constantFrom(...TREACHEROUS, '', '*', ':room', '..'), fc.string({ maxLength: 8 })),
      )
      .map(([name, last]) => `${name}.${last}`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '.',
      '..',
      'feed.',
      '.feed',
      `chat.${'x'.repeat(250)}`,
      'x'.repeat(256),
      '~presence',
      'FEED',
      'feed\n',
    ),
  },
  { weight: 2, arbitrary: anything },
);

const position = fc.oneof(
  fc.constantFrom(
    'x:1',
    ':',
    ':1',
    '1',
    'x:',
    'x:-1',
    'x:1.5',
    'x:9007199254740993',
    'x:1e3',
    'x:NaN',
    'x:0x10',
    `${'x'.repeat(300)}:1`,
    'a:b:c',
  ),
  anything,
);

const id = fc.option(fc.oneof({ weight: 3, arbitrary: fc.nat() }, fc.string({ maxLength: 70 }), anything), {
  nil: undefined,
});

const subscribing = fc.record(
  {
    topic,
    topics: fc.oneof({ weight: 5, arbitrary: fc.array(topic, { maxLength: 12 }) }, anything),
    since: position,
    maxRate: fc.oneof(fc.double(), fc.constantFrom(0, 1, 1 / 60, 1e9, -1), anything),
  },
  { requiredKeys: [] },
);

const data = fc.oneof(
  { weight: 4, arbitrary: subscribing },
  { weight: 2, arbitrary: anything },
  {
    weight: 2,
    arbitrary: fc.record({
      token: fc.oneof(fc.constantFrom('good', 'bad', 'good-slow', 'hang', 'broken', 'good-soon'), anything),
    }),
  },
);

const event = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom('subscribe', 'subscribe', 'unsubscribe', 'ping', 'refresh') },
  { weight: 3, arbitrary: fc.constantFrom('echo', 'say', 'stream', 'later', 'broken', 'error') },
  { weight: 1, arbitrary: anything },
);

/** A message in our envelope, with values of other types and too many of them. */
const envelope = fc.record({ event, id, data }, { requiredKeys: [] });

/** Text that is almost JSON, or is more than it looks. */
const oddText = fc.constantFrom(
  '',
  ' ',
  '{',
  '[',
  '"',
  '{}',
  '[]',
  'null',
  '0',
  '""',
  '{"event":}',
  '{"event":"ping"}{"event":"ping"}',
  '\ufeff{"event":"ping"}',
  '['.repeat(5000),
  '['.repeat(5000) + ']'.repeat(5000),
  '{"a":'.repeat(5000),
  `{"event":"echo","data":${'['.repeat(3000)}${']'.repeat(3000)}}`,
  `{"event":"subscribe","data":{"topics":[${Array.from({ length: 2000 }, (_, i) => `"chat.${i}"`)}]}}`,
  '{"event":"subscribe","event":"ping","__proto__":{"event":"x"}}',
  '{"__proto__":{"event":"subscribe"},"data":{"__proto__":{"topic":"feed"}}}',
  `{"event":"${'x'.repeat(60_000)}"}`,
  `{"event":"echo","id":"${'\\u0000'.repeat(64)}"}`,
);

/** The text of a message, well made or not. */
export const messageText: fc.Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: envelope.map(message => JSON.stringify(message)) },
  { weight: 1, arbitrary: fc.array(envelope, { maxLength: 8 }).map(messages => JSON.stringify(messages)) },
  { weight: 1, arbitrary: oddText },
);

/** A subscribe that mostly works. */
export const subscribe: fc.Arbitrary<unknown> = fc.record({
  event: fc.constant('subscribe'),
  data: fc.record({
    topic: fc.constantFrom('feed', 'clock', 'chat.lobby', 'chat.lobby~presence', 'count.a.b'),
  }),
});
