import { jsonOf, reframed } from './frame-editor.js';
import type { PlayOptions } from './play.js';
import type { Scenario, Settings, TopicSpec } from './scenario.js';
import type { Rule } from './violation.js';
import type { World } from './world.js';

/** A core that is broken on purpose, and what the oracle may call it. */
export interface Sabotage {
  readonly options: PlayOptions;
  readonly rules: readonly Rule[];
}

/** A frame as JSON. */
type Json = any;

/** Changes what is written to every socket: gets a frame and gives those to write in its place. */
export function frames(edit: (frame: Json, memory: Memory) => readonly Json[]): PlayOptions {
  return {
    tamper: world => {
      world.onOpen = ({ socket }) => {
        const memory: Memory = { count: 0, kept: undefined };
        const write = socket.write.bind(socket);
        socket.write = (data, done) =>
          write(
            reframed(data, text => jsonOf(text, frame => edit(frame, memory))),
            done,
          );
      };
    },
  };
}

/** What a sabotage remembers of one connection. */
interface Memory {
  count: number;
  kept: Json;
}

const isPublication = (frame: Json): boolean => frame.topic !== undefined;
export const isEvent = (frame: Json, event: string): boolean => frame.event === event;

/** Changes the third publication of each connection. */
function third(change: (frame: Json, memory: Memory) => readonly Json[]): PlayOptions {
  return frames((frame, memory) =>
    isPublication(frame) && frame.data.seq !== undefined && ++memory.count === 3
      ? change(frame, memory)
      : [frame],
  );
}

/** Tells the server other settings than the oracle. */
export function withSettings(other: (settings: Settings) => Partial<Settings>): PlayOptions {
  return {
    server: scenario => ({ ...scenario, settings: { ...scenario.settings, ...other(scenario.settings) } }),
  };
}

/** Tells the server other topics than the oracle. */
function withTopics(other: Partial<TopicSpec>): PlayOptions {
  const changed = (all: Scenario['topics']): Scenario['topics'] =>
    Object.fromEntries(Object.entries(all).map(([name, spec]) => [name, { ...spec, ...other }]));
  return { server: scenario => ({ ...scenario, topics: changed(scenario.topics) }) };
}

/** Forgets an option of each publication. */
function publishing(forgotten: 'ttl' | 'except' | 'idempotencyKey'): PlayOptions {
  return {
    tamper: ({ server: { delivery, connections } }) => {
      const { broadcaster } = delivery;
      const publish = broadcaster.publish.bind(broadcaster);
      broadcaster.publish = (name: string, data: unknown, options) => {
        const id = forgotten === 'except' ? (options?.except as string | undefined) : undefined;
        const count = publish(name, data, { ...options, [forgotten]: undefined });
        // The receipt is as it should be, so that the frames must show it.
        const excepted = connections.get(id ?? '')?.subscriptions.get(name)?.served === true;
        return excepted ? count - 1 : count;
      };
    },
  };
}

function core(tamper: (world: World) => void): PlayOptions {
  return { tamper };
}

/** Every way in which the core is broken, by what is wrong with it. */
export const SABOTAGES: Readonly<Record<string, Sabotage>> = {
  'a publication is lost': { options: third(() => []), rules: ['loss', 'newest'] },
  'a publication comes twice': { options: third(frame => [frame, frame]), rules: ['duplicate'] },
  'a publication is overtaken by the next': {
    options: frames((frame, memory) => {
      if (!isPublication(frame)) return [frame];
      if (++memory.count === 3) {
        memory.kept = frame;
        return [];
      }
      const late = memory.kept;
      memory.kept = undefined;
      return late === undefined ? [frame] : [frame, late];
    }),
    rules: ['loss', 'newest', 'duplicate'],
  },
  'a payload is changed': {
    options: third(frame => [{ ...frame, data: { ...frame.data, fill: `${frame.data.fill}!` } }]),
    rules: ['payload'],
  },
  'a payload is that of another publication': {
    options: third(frame => [{ ...frame, data: { ...frame.data, seq: frame.data.seq + 1 } }]),
    rules: ['payload'],
  },
  'gaps are swallowed': {
    options: frames(frame => (isEvent(frame, 'gap') ? [] : [frame])),
    rules: ['loss'],
  },
  'gaps give a wrong reason': {
    options: frames(frame =>
      isEvent(frame, 'gap') ? [{ ...frame, data: { ...frame.data, reason: 'except' } }] : [frame],
    ),
    rules: ['gap'],
  },
  'gaps are too short': {
    options: frames(frame =>
      isEvent(frame, 'gap') ? [{ ...frame, data: { ...frame.data, to: frame.data.to - 1 } }] : [frame],
    ),
    rules: ['gap'],
  },
  'a reply is lost': {
    options: frames((frame, memory) => (isEvent(frame, 'reply') && ++memory.count === 1 ? [] : [frame])),
    rules: ['reply'],
  },
  'an answer is lost': {
    options: frames((frame, memory) => (isEvent(frame, 'subscribed') && ++memory.count === 1 ? [] : [frame])),
    rules: ['stranger', 'reply'],
  },
  'everything counts as recovered': {
    options: frames(frame =>
      isEvent(frame, 'subscribed') && frame.data.recovered === false
        ? [{ ...frame, data: { ...frame.data, recovered: true } }]
        : [frame],
    ),
    rules: ['recovery'],
  },
  'nothing counts as recovered': {
    options: frames(frame =>
      isEvent(frame, 'subscribed') && frame.data.recovered === true
        ? [{ ...frame, data: { ...frame.data, recovered: false } }]
        : [frame],
    ),
    rules: ['recovery'],
  },
  'a topic goes on after its end': {
    options: frames((frame, memory) => {
      if (isPublication(frame)) memory.kept = frame;
      const over = isEvent(frame, 'unsubscribed') && memory.kept?.topic === frame.data.topic;
      return over ? [frame, memory.kept] : [frame];
    }),
    rules: ['stranger'],
  },
  'histories are not kept': {
    options: withTopics({ history: { size: 0, ttl: 1, bytes: 1 } }),
    rules: ['recovery', 'loss'],
  },
  'histories have no end': {
    options: withTopics({ history: { size: 1e6, ttl: 1e9, bytes: 1e9 } }),
    rules: ['memory'],
  },
  'windows are ignored': { options: withTopics({ every: 0 }), rules: ['rate'] },
  'conflation is by the wrong key': {
    options: withTopics({ conflate: 'latest' }),
    rules: ['newest', 'loss', 'gap'],
  },
  'ttl is ignored': { options: publishing('ttl'), rules: ['stale'] },
  'except is ignored': { options: publishing('except'), rules: ['except'] },
  'idempotency keys are ignored': { options: publishing('idempotencyKey'), rules: ['idempotency'] },
  'nobody catches up': {
    options: core(({ server }) => (server.delivery.catchUp.drained = () => {})),
    rules: ['loss', 'newest'],
  },
  'who is behind is forgotten': {
    options: core(({ server }) => {
      const { laggards } = server.delivery;
      laggards.of = () => undefined;
    }),
    rules: ['loss', 'newest'],
  },
  'frozen readers are not closed': {
    options: withSettings(({ grace }) => ({ grace: grace * 20 })),
    rules: ['slow'],
  },
  'slow readers are closed as frozen': {
    options: withSettings(({ grace }) => ({ grace: grace / 20 })),
    rules: ['slow'],
  },
  'everybody who comes back is served at once': {
    options: withSettings(() => ({ recoveries: 256 })),
    rules: ['turns'],
  },
  'turns are not given back': {
    options: core(({ server }) => (server.delivery.catchUp.turns.give = () => {})),
    rules: ['turns', 'rest', 'loss', 'newest', 'gap'],
  },
  'the next one is not told': {
    options: core(({ server }) => {
      const { turns } = server.delivery.catchUp;
      const { take } = turns;
      turns.take = subscription => take.call(turns, subscription) && turns.held < 2;
    }),
    rules: ['loss', 'newest'],
  },
  'the budget is ignored': { options: withSettings(() => ({ budget: 1e9 })), rules: ['memory'] },
  'the budget of histories is ignored': {
    options: withSettings(() => ({ historyBudget: 1e9 })),
    rules: ['memory'],
  },
  'logs keep too much': {
    options: withSettings(({ maxBytes }) => ({ maxBytes: maxBytes * 10 })),
    rules: ['memory'],
  },
  'logs keep too little': {
    options: core(({ server }) => {
      const { topics } = server.delivery;
      const hold = topics.hold.bind(topics);
      topics.hold = (subscriber, name) => {
        const subscription = hold(subscriber, name);
        Object.assign(subscription.topic.retention, { backlogLimit: 1000 });
        return subscription;
      };
    }),
    rules: ['gap', 'slow'],
  },
  'memory is reused too early': {
    options: core(({ server: { pool } }) => {
      const take = pool.take.bind(pool);
      let before: Buffer | undefined;
      pool.take = size => {
        before?.fill(0x20);
        return (before = take(size));
      };
    }),
    rules: ['protocol', 'payload'],
  },
  'a buffer is kept': {
    options: core(({ server: { pool } }) => {
      const give = pool.give.bind(pool);
      let given = 0;
      pool.give = buffer => ++given === 2 || give(buffer);
    }),
    rules: ['rest'],
  },
  'subscriptions outlive their connection': {
    options: core(({ server }) => (server.delivery.topics.leaveAll = () => {})),
    rules: ['rest', 'receipt'],
  },
  'a timer goes on': {
    options: core(({ clock }) => {
      const again = (): void => void clock.setTimeout(again, 60_000);
      again();
    }),
    rules: ['rest'],
  },
  'who comes is not told': {
    options: core(({ server }) => {
      const { broadcaster } = server.delivery;
      const publish = broadcaster.publish.bind(broadcaster);
      broadcaster.publish = (name: string, data: any, options) =>
        publish(name, data.joined === undefined ? data : { ...data, joined: [] }, options);
    }),
    rules: ['presence'],
  },
  'who leaves is not noticed': {
    options: core(({ server }) => (server.delivery.presence.left = () => {})),
    rules: ['presence', 'rest'],
  },
  'receipts are wrong': {
    options: core(({ server }) => {
      const { broadcaster } = server.delivery;
      const publish = broadcaster.publish.bind(broadcaster);
      broadcaster.publish = (name: string, data: unknown, options) => publish(name, data, options) + 1;
    }),
    rules: ['receipt'],
  },
};
