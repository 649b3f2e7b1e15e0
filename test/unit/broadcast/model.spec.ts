import fc from 'fast-check';
import { describe, it } from 'vitest';
import { batchedJson, plainJson } from '../../../lib/protocol/json-formats.js';
import { deflated } from '../../../lib/wire/wire-format.js';
import { Core } from '../../support/unit/core.js';
import { Model } from '../../support/unit/model.js';

const FORMATS = [plainJson, batchedJson].flatMap(format => [format, deflated(format)]);
const TOPICS = ['a', 'b', 'kept.c', 'kept.d'];

/** A few clients get most of the attention, or hardly any two steps would meet. */
const client = fc.oneof({ weight: 2, arbitrary: fc.nat(2) }, { weight: 1, arbitrary: fc.nat(59) });
const topic = fc.constantFrom(...TOPICS);
/** Mostly small; some fill a good part of a slab. */
const size = fc.oneof({ weight: 6, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.nat(20_000) });

type Step = (model: Model) => void;

const on = (of: Model, index: number): Model['clients'][number] => of.clients[index % of.clients.length]!;

const steps: fc.WeightedArbitrary<[string, Step]>[] = [
  {
    weight: 4,
    arbitrary: fc
      .tuple(client, topic, fc.boolean())
      .map(([c, t, live]) => [
        `${live ? 'subscribe' : 'hold'} ${c} ${t}`,
        model => model.subscribe(on(model, c), t, live),
      ]),
  },
  {
    weight: 1,
    arbitrary: client.map(c => [`activate ${c}`, model => model.activateAll(on(model, c))]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(client, topic)
      .map(([c, t]) => [`unsubscribe ${c} ${t}`, model => model.unsubscribe(on(model, c), t)]),
  },
  {
    weight: 7,
    arbitrary: fc
      .tuple(topic, size, fc.option(client, { freq: 4, nil: undefined }))
      .map(([t, bytes, except]) => [
        `publish ${t} ${bytes} except ${except}`,
        model => model.publish(t, bytes, except === undefined ? undefined : on(model, except)),
      ]),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(topic, fc.integer({ min: 65_000, max: 90_000 }))
      .map(([t, bytes]) => [`publish ${t} ${bytes}`, model => model.publish(t, bytes, undefined)]),
  },
  { weight: 5, arbitrary: fc.constant(['turn', model => model.turn()]) },
  {
    weight: 2,
    arbitrary: fc.nat(60).map(ms => [`advance ${ms}`, model => model.advance(ms)]),
  },
  { weight: 1, arbitrary: fc.constant(['flush', model => model.flush()]) },
  {
    weight: 3,
    arbitrary: client.map(c => [`stall ${c}`, model => (on(model, c).socket.stalled = true)]),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(client, fc.nat(100_000))
      .map(([c, bytes]) => [`drain ${c} ${bytes}`, model => on(model, c).socket.drain(bytes)]),
  },
  {
    weight: 2,
    arbitrary: client.map(c => [
      `resume ${c}`,
      model => {
        on(model, c).socket.stalled = false;
        on(model, c).socket.drain();
      },
    ]),
  },
  { weight: 1, arbitrary: client.map(c => [`disconnect ${c}`, model => model.disconnect(on(model, c))]) },
  {
    weight: 1,
    arbitrary: client.map(c => [`reply ${c}`, model => void on(model, c).connection.send('reply', c)]),
  },
];

const scenario = fc.record({
  /** Milliseconds that a write of each client takes, so that flushes are cut into slices. */
  clients: fc.array(fc.tuple(fc.constantFrom(...FORMATS), fc.constantFrom(0, 0, 1)), {
    minLength: 1,
    maxLength: 60,
    size: 'max',
  }),
  /** Share of the clients; the others come when a flush may be under way. */
  subscribedAtFirst: fc.constantFrom(0, 0.6, 1),
  slice: fc.constantFrom(1, 8),
  window: fc.constantFrom(undefined, 30),
  steps: fc.array(fc.oneof(...steps), { minLength: 1, maxLength: 150, size: 'max' }),
});

describe('the core', () => {
  it(
    'gives every subscriber every publication since its subscription, once, in order and intact',
    { timeout: 60_000 },
    () => {
      fc.assert(
        fc.property(scenario, ({ clients, subscribedAtFirst, slice, window, steps: sequence }) => {
          const optionsOf = (name: string) => ({ history: name.startsWith('kept') ? 2 : 0 });
          const model = new Model(new Core({ timing: { slice, window }, optionsOf }), TOPICS);
          for (const [format, ms] of clients) model.connect(format, ms);
          for (const one of model.clients.slice(0, clients.length * subscribedAtFirst)) {
            for (const name of TOPICS) model.subscribe(one, name, true);
          }
          for (const [, step] of sequence) step(model);
          model.finish();
        }),
        { numRuns: 300 },
      );
    },
  );
});
