import fc from 'fast-check';
import type { Frame } from '../frame.js';
import type { Step } from '../script.js';
import { bytes } from './bytes.js';
import { messageText } from './messages.js';

const utf8 = (text: string): string => Buffer.from(text).toString('latin1');

const BAD_UTF8 = ['\xff', '\xc3', '\xed\xa0\x80', '\xf4\x90\x80\x80', '\xc0\x80', '{"event":"\xff"}'];

const payload: fc.Arbitrary<Pick<Frame, 'payload' | 'times'>> = fc.oneof(
  { weight: 6, arbitrary: messageText.map(text => ({ payload: utf8(text) })) },
  { weight: 2, arbitrary: bytes(200).map(text => ({ payload: text })) },
  { weight: 1, arbitrary: fc.constantFrom(...BAD_UTF8).map(text => ({ payload: text })) },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(0, 1, 125, 126, 127, 65_535, 65_536, 65_537, 200_000)
      .map(times => ({ payload: 'a', times })),
  },
);

const rarely = <T>(value: fc.Arbitrary<T>, weight = 9): fc.Arbitrary<T | undefined> =>
  fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });

/** One frame with anything wrong, and mostly nothing. */
const anyFrame: fc.Arbitrary<Step> = fc
  .record({
    opcode: fc.oneof(
      { weight: 6, arbitrary: fc.constant(1) },
      { weight: 2, arbitrary: fc.constantFrom(0, 2, 8, 9, 10) },
      fc.nat(15),
    ),
    fin: rarely(fc.constant(false)),
    rsv: rarely(fc.nat(7)),
    masked: rarely(fc.constant(false), 20),
    body: payload,
    deflated: rarely(fc.constant(true)),
    declared: rarely(
      fc.constantFrom(
        '0',
        '1',
        '125',
        '65536',
        '70000',
        '2147483648',
        '9007199254740993',
        '18446744073709551615',
      ),
    ),
    form: rarely(fc.constantFrom(7, 16, 64)),
  })
  .map(({ body, ...frame }) => ({ frame: defined({ ...frame, ...body }) }));

/** A ping, pong or close, often wrong. */
const controlFrame: fc.Arbitrary<Step> = fc
  .oneof(
    fc.record({ opcode: fc.constantFrom(9, 10), payload: bytes(130) }),
    fc
      .tuple(
        fc.oneof(
          fc.constantFrom(
            0,
            999,
            1000,
            1001,
            1004,
            1005,
            1006,
            1011,
            1015,
            2999,
            3000,
            4000,
            4999,
            5000,
            65_535,
          ),
          fc.nat(65_535),
        ),
        bytes(124),
      )
      .map(([code, reason]) => ({ opcode: 8, payload: String.fromCharCode(code >> 8, code & 255) + reason })),
    fc.record({ opcode: fc.constant(8), payload: bytes(1) }),
  )
  .map(frame => ({ frame }));

/** A message in pieces, with other frames between them; the last may be missing. */
const fragmented: fc.Arbitrary<Step[]> = fc
  .record({
    text: messageText.map(utf8),
    pieces: fc.integer({ min: 2, max: 80 }),
    between: rarely(controlFrame, 3),
    finished: fc.boolean(),
  })
  .map(({ text, pieces, between, finished }) => {
    const size = Math.ceil(text.length / pieces);
    return Array.from({ length: pieces }, (_, i): Step[] => {
      const frame = {
        opcode: i === 0 ? 1 : 0,
        fin: finished && i === pieces - 1,
        payload: text.slice(i * size, (i + 1) * size),
      };
      return between !== undefined && i === 1 ? [between, { frame }] : [{ frame }];
    }).flat();
  });

/** Many of the same, to run into the limits. */
const flood: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    message: fc.constantFrom<unknown>(
      { event: 'ping' },
      { event: 'echo', data: 'x'.repeat(500) },
      { event: 'broken' },
      'junk',
    ),
    times: fc.integer({ min: 50, max: 600 }),
  }),
  fc.record({
    frame: fc.constantFrom<Frame>(
      { opcode: 9, payload: 'x'.repeat(125) },
      { opcode: 10 },
      { opcode: 0, fin: false },
      { opcode: 2 },
    ),
    times: fc.integer({ min: 20, max: 300 }),
  }),
  fc.record({
    message: fc.constant({
      event: 'subscribe',
      data: { topics: Array.from({ length: 40 }, (_, i) => `chat.${i}`) },
    }),
    times: fc.integer({ min: 1, max: 20 }),
  }),
);

/** Compressed messages: right, torn, and far larger than they look. */
const compressed: fc.Arbitrary<Step> = fc
  .record({
    body: fc.oneof(
      payload,
      fc.record({ payload: fc.constant('a'), times: fc.constantFrom(100_000, 3_000_000) }),
    ),
    deflated: fc.oneof({ weight: 5, arbitrary: fc.constant(true) }, fc.constant(false)),
    cut: rarely(fc.nat(60), 5),
  })
  .map(({ body, ...frame }) => ({ frame: defined({ rsv: 4, ...frame, ...body }) }));

/** What comes while a message is inflated waits, and is parsed all at once after it. */
const behindCompressed: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.constantFrom(1000, 60_000, 3_000_000),
    fc.array(
      fc.oneof(
        anyFrame,
        bytes(20).map(send => ({ send })),
      ),
      { minLength: 1, maxLength: 4 },
    ),
  )
  .map(([times, steps]) => [
    { frame: { rsv: 4, deflated: true, payload: ' ', times } },
    ...steps.flatMap((step): Step[] => [{ wait: 0 }, step]),
  ]);

/** What follows the upgrade: a few frames of all kinds. */
export const frames: fc.Arbitrary<Step[]> = fc
  .array(
    fc.oneof(
      { weight: 8, arbitrary: anyFrame.map(step => [step]) },
      { weight: 2, arbitrary: controlFrame.map(step => [step]) },
      { weight: 1, arbitrary: fragmented },
      { weight: 1, arbitrary: flood.map(step => [step]) },
      { weight: 1, arbitrary: compressed.map(step => [step]) },
      { weight: 1, arbitrary: behindCompressed },
      { weight: 1, arbitrary: bytes(60).map(send => [{ send }]) },
    ),
    { maxLength: 10 },
  )
  .map(groups => groups.flat());

function defined<T extends object>(frame: T): T {
  return Object.fromEntries(Object.entries(frame).filter(([, value]) => value !== undefined)) as T;
}
