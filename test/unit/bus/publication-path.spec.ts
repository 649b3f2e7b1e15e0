import { describe, expect, it } from 'vitest';
import type { Arrivals } from '../../../lib/bus/arrivals.js';
import type { PublicationPath } from '../../../lib/bus/publication-path.js';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import type { EntryTerms } from '../../../lib/topic/topic-log.js';
import type { Appended } from '../../../lib/topic/topic-registry.js';
import type { Topic } from '../../../lib/topic/topic.js';
import { Core, type CoreOptions, type Peer } from '../../support/unit/core.js';

/** A publication on its way from the engine to the processes. */
interface Copy {
  readonly name: string;
  readonly offset: number;
  readonly json: string;
  readonly bytes: number;
  readonly terms: EntryTerms;
}

/** An engine that gives positions, for processes that are all in the test. Copies arrive when the test says so. */
class Engine {
  readonly sent: Copy[] = [];
  readonly #heads = new Map<string, number>();
  readonly #arrivals: Arrivals[] = [];
  /** Interest of all processes, in order. */
  readonly interest: string[] = [];

  /** Makes a process. */
  process(options: CoreOptions = {}): Core {
    const core: Core = new Core({
      ...options,
      pathOf: (_local, arrivals) => {
        this.#arrivals.push(arrivals);
        return this.#pathTo(() => core);
      },
    });
    return core;
  }

  #pathTo(core: () => Core): PublicationPath {
    return {
      leavesProcess: true,
      publish: (name, _topic, json, bytes, terms) => {
        const offset = (this.#heads.get(name) ?? 0) + 1;
        this.#heads.set(name, offset);
        this.sent.push({ name, offset, json, bytes, terms });
      },
      opened: (topic: Topic) => {
        this.interest.push(`opened ${topic.name}`);
        core().topics.startAt(topic, 'engine', this.#heads.get(topic.name) ?? 0);
      },
      vacated: ({ name }) => this.interest.push(`vacated ${name}`),
    };
  }

  /** Gives copies to all processes. Returns the outcome in each of them. */
  deliver(copies: readonly Copy[] = this.sent.splice(0)): Appended[] {
    return copies.flatMap(({ name, offset, json, bytes, terms }) =>
      this.#arrivals.map(arrivals => arrivals.append(name, { epoch: 'engine', offset }, json, bytes, terms)),
    );
  }
}

/** Some turns of the loop, at one moment. */
function turns(core: Core): void {
  for (let i = 0; i < 10; i++) core.clock.turn();
}

function subscribe(core: Core, name = 'a', peer = core.connect()): Peer {
  core.activate(core.topics.hold(peer.connection, name));
  turns(core);
  return peer;
}

const pub = (offset: number, data: unknown = offset, topic = 'a'): object => ({ topic, offset, data });
const gap = (from: number, to: number, topic = 'a'): object => ({
  event: 'gap',
  data: { topic, from, to, position: `engine:${to}`, reason: 'bus' },
});

/** Two processes on one engine, each with a subscriber of topic `a`. */
function pair(options: CoreOptions = {}) {
  const engine = new Engine();
  const [one, two] = [engine.process(options), engine.process(options)];
  const [first, second] = [subscribe(one), subscribe(two)];
  const run = (): void => {
    turns(one);
    turns(two);
  };
  return { engine, one, two, first, second, run };
}

describe('A path of publications', () => {
  it('takes what is published, and what comes back at a position reaches the subscribers of every process', () => {
    const { engine, one, two, first, second, run } = pair();
    expect(one.broadcaster.publish('a', 1)).toBe(1);
    two.broadcaster.publish('a', 2);
    run();
    expect(first.socket.frames).toEqual([]);
    expect(engine.deliver()).toEqual(['appended', 'appended', 'appended', 'appended']);
    run();
    expect(first.socket.frames).toEqual([pub(1), pub(2)]);
    expect(second.socket.frames).toEqual(first.socket.frames);
    expect([one.broadcaster.position('a'), two.broadcaster.position('a')]).toEqual(['engine:2', 'engine:2']);
  });

  it('takes what nobody in this process listens to, checked and encoded', () => {
    const engine = new Engine();
    const core = engine.process();
    expect(core.broadcaster.publish('b', { x: 'é' })).toBe(0);
    expect(engine.sent).toMatchObject([{ name: 'b', json: '{"x":"é"}', bytes: 10 }]);
    expect(() => core.broadcaster.publish('b', () => {})).toThrow();
    expect(engine.deliver()).toEqual(['unwanted']);
    expect(core.topics.size).toBe(0);
  });

  it('is told of the first subscriber of each topic and of the last', () => {
    const engine = new Engine();
    const core = engine.process();
    const [one, two] = [subscribe(core), subscribe(core)];
    subscribe(core, 'b', two);
    core.disconnect(one);
    expect(engine.interest).toEqual(['opened a', 'opened b']);
    core.disconnect(two);
    expect(engine.interest).toEqual(['opened a', 'opened b', 'vacated a', 'vacated b']);
  });

  it('gives nothing twice, and nothing that is older than what came', () => {
    const { engine, one, first, run } = pair();
    for (let i = 1; i <= 3; i++) one.broadcaster.publish('a', i);
    const copies = engine.sent.splice(0);
    engine.deliver([copies[0]!, copies[0]!, copies[1]!, copies[0]!, copies[1]!, copies[2]!]);
    run();
    expect(first.socket.frames).toEqual([pub(1), pub(2), pub(3)]);
  });

  it('begins where the engine is for a process that comes later', () => {
    const engine = new Engine();
    const one = engine.process();
    subscribe(one);
    for (let i = 1; i <= 3; i++) one.broadcaster.publish('a', i);
    engine.deliver();
    const two = engine.process();
    const late = subscribe(two);
    expect(two.broadcaster.position('a')).toBe('engine:3');
    one.broadcaster.publish('a', 4);
    engine.deliver();
    turns(two);
    expect(late.socket.frames).toEqual([pub(4)]);
  });

  describe('that loses publications', () => {
    it('has each subscriber told, after what came before and before what comes next', () => {
      const { engine, one, first, second, run } = pair();
      for (let i = 1; i <= 9; i++) one.broadcaster.publish('a', i);
      const copies = engine.sent.splice(0);
      engine.deliver([...copies.slice(0, 2), ...copies.slice(7)]);
      run();
      expect(first.socket.frames).toEqual([pub(1), pub(2), gap(3, 7), pub(8), pub(9)]);
      expect(second.socket.frames).toEqual(first.socket.frames);
      expect(one.counters.gaps).toEqual({ slow: 0, expired: 0, except: 0, bus: 1 });
      one.broadcaster.publish('a', 10);
      engine.deliver();
      run();
      expect(first.socket.frames.at(-1)).toEqual(pub(10));
    });

    it('has two losses told, in order', () => {
      const { engine, one, first, run } = pair();
      for (let i = 1; i <= 6; i++) one.broadcaster.publish('a', i);
      const copies = engine.sent.splice(0);
      engine.deliver([copies[1]!, copies[3]!, copies[5]!]);
      run();
      const told = first.socket.frames;
      const offsets = told.flatMap(({ offset, data: { from, to } }) =>
        offset === undefined ? Array.from({ length: to - from + 1 }, (_, i) => from + i) : [offset],
      );
      expect(offsets).toEqual([1, 2, 3, 4, 5, 6]);
      expect(told.filter(({ event }) => event === 'gap').every(({ data }) => data.reason === 'bus')).toBe(
        true,
      );
      expect(told.at(-1)).toEqual(pub(6));
    });

    it('has a subscriber told that is behind, that is held, and that asked for a rate of its own', () => {
      const optionsOf = (): TopicOptions => ({ conflate: (tick: any) => String(tick.key), every: 100 });
      for (const options of [{}, { optionsOf }]) {
        const { engine, one, first, run } = pair(options as CoreOptions);
        const held = one.connect();
        const waiting = one.topics.hold(held.connection, 'a');
        first.socket.stalled = true;
        for (let i = 1; i <= 9; i++) one.broadcaster.publish('a', { key: i });
        const copies = engine.sent.splice(0);
        engine.deliver(copies.slice(0, 1));
        run();
        engine.deliver(copies.slice(8));
        run();
        first.socket.stalled = false;
        first.socket.drain();
        one.activate(waiting);
        one.clock.advance(1000);
        run();
        expect(first.socket.frames.filter(({ event }) => event === 'gap')).toEqual([gap(2, 8)]);
        expect(first.socket.frames.at(-1)).toEqual(pub(9, { key: 9 }));
        expect(held.socket.frames[0]).toEqual(gap(1, 8));
        expect(held.socket.frames.at(-1)).toEqual(pub(9, { key: 9 }));
      }
    });

    it('closes nobody for it, also where slow subscribers are closed', () => {
      const { engine, one, first, run } = pair({ optionsOf: () => ({ slow: 'disconnect' }) });
      for (let i = 1; i <= 3; i++) one.broadcaster.publish('a', i);
      const copies = engine.sent.splice(0);
      engine.deliver([copies[0]!, copies[2]!]);
      run();
      expect(first.ws.closes).toEqual([]);
      expect(first.socket.frames).toEqual([pub(1), gap(2, 2), pub(3)]);
    });

    it('asks for a new snapshot where there is one', () => {
      const asked: unknown[] = [];
      const resync: CoreOptions['resync'] = (subscription, reason) => {
        asked.push(reason);
        subscription.topic.renew(subscription);
        return true;
      };
      const { engine, one, first, run } = pair({ resync });
      one.topics.find('a')!.lane.subscriptions[0]!.markRenewable(true);
      for (let i = 1; i <= 3; i++) one.broadcaster.publish('a', i);
      engine.deliver(engine.sent.splice(0).slice(2));
      run();
      expect(asked).toEqual(['bus']);
      expect(first.socket.frames).toEqual([]);
    });

    it('keeps the history behind the loss only', () => {
      const { engine, one, run } = pair({ optionsOf: () => ({ history: 10 }) });
      for (let i = 1; i <= 5; i++) one.broadcaster.publish('a', i);
      const copies = engine.sent.splice(0);
      engine.deliver([copies[0]!, ...copies.slice(3)]);
      run();
      expect(one.broadcaster.history('a', 'engine:0')).toEqual({
        publications: [
          { offset: 4, data: 4 },
          { offset: 5, data: 5 },
        ],
        position: 'engine:5',
        complete: false,
      });
      expect(one.broadcaster.history('a', 'engine:3').complete).toBe(true);
    });
  });
});
