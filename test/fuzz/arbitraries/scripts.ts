import fc from 'fast-check';
import type { Script, Step } from '../script.js';
import { brokenRequest, goodUpgrade, upgrade } from './requests.js';
import { bytes } from './bytes.js';
import { frames } from './frames.js';
import { subscribe } from './messages.js';

const from = fc.integer({ min: 2, max: 40 });

/** Few write a byte at a time: it takes long. */
const bite = fc.oneof({ weight: 6, arbitrary: fc.constant(undefined) }, fc.constantFrom(1, 2, 7, 100, 1000));

const end: fc.Arbitrary<Step[]> = fc.oneof(
  { weight: 3, arbitrary: fc.constant<Step[]>([]) },
  fc.constantFrom<Step[]>(
    [{ end: 'fin' }],
    [{ end: 'rst' }],
    [{ wait: 5 }],
    [{ wait: 5 }, { end: 'rst' }],
    [{ wait: 30 }, { end: 'fin' }],
  ),
);

const pause: fc.Arbitrary<Step[]> = fc.constantFrom<Step[]>(
  [],
  [],
  [{ wait: 0 }],
  [{ wait: 1 }],
  [{ wait: 4 }],
);

function script(steps: fc.Arbitrary<Step[]>): fc.Arbitrary<Script> {
  return fc
    .record({ from, bite, steps })
    .map(({ bite: bytesAtOnce, ...rest }) =>
      bytesAtOnce === undefined ? rest : { ...rest, bite: bytesAtOnce },
    );
}

function inTurn(...parts: fc.Arbitrary<Step[]>[]): fc.Arbitrary<Step[]> {
  return fc.tuple(...parts).map(groups => groups.flat());
}

/** Bytes that are no request, or a request that is answered; then anything behind it. */
const before = script(
  fc.oneof(
    {
      weight: 3,
      arbitrary: inTurn(
        brokenRequest.map(send => [{ send }]),
        pause,
        end,
      ),
    },
    {
      weight: 2,
      arbitrary: inTurn(
        upgrade.map(request => [{ upgrade: request }, { wait: 'answer' }]),
        end,
      ),
    },
    {
      weight: 1,
      arbitrary: inTurn(
        fc
          .array(upgrade, { minLength: 2, maxLength: 4 })
          .map(all => all.map(request => ({ upgrade: request }))),
        bytes(50).map(send => [{ send }]),
        end,
      ),
    },
  ),
);

/** Frames, or other bytes, that come with the request or right behind it, before there can be an answer; and who leaves before it. */
const during = script(
  inTurn(
    fc.oneof({ weight: 3, arbitrary: goodUpgrade }, upgrade).map(request => [{ upgrade: request }]),
    pause,
    fc.oneof(
      { weight: 3, arbitrary: frames },
      bytes(200).map(send => [{ send }]),
      fc.constant<Step[]>([]),
    ),
    end,
  ),
);

/** Frames to an open connection, subscribed or not, that reads or does not. */
const after = script(
  inTurn(
    goodUpgrade.map(request => [{ upgrade: request }, { wait: 'answer' }]),
    fc.array(
      subscribe.map(message => ({ message })),
      { maxLength: 3 },
    ),
    fc.constantFrom<Step[]>([], [], [], [{ stop: 'reading' }]),
    frames,
    pause,
    frames,
    end,
  ),
);

/** What is attacked, by the moment of the attack; a run has some of its scripts at the same time. */
export const ATTACKS: Readonly<Record<string, fc.Arbitrary<Script[]>>> = {
  before: fc.array(before, { minLength: 1, maxLength: 6 }),
  during: fc.array(during, { minLength: 1, maxLength: 6 }),
  after: fc.array(after, { minLength: 1, maxLength: 4 }),
  mixed: fc.array(fc.oneof(before, during, after), { minLength: 2, maxLength: 12 }),
};
