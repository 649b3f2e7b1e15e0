import { expect, it } from 'vitest';
import { play } from './play.js';
import type { Scenario } from './scenario.js';
import { CLIENT, SETTINGS, TOPIC } from './usual.js';

// What the simulator has found, made small. A new one is pasted from the report; what is as usual may be left to these.

const REGRESSIONS: Readonly<Record<string, Scenario>> = {
  'a lane of a slower rate may stand before all that the log keeps': {
    settings: SETTINGS,
    topics: { t0: { ...TOPIC, slow: 'conflate', conflate: 'key' } },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0', maxRate: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
    ],
  },
  'the newest value of a key expires too, though the log no longer has it': {
    settings: { ...SETTINGS, maxBytes: 96_285 },
    topics: {
      t0: TOPIC,
      t1: { ...TOPIC, slow: 'conflate', conflate: 'key', every: 104 },
    },
    clients: [{ ...CLIENT, network: { kind: 'flapping', on: 2, off: 23, buffer: 4251 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't1' },
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't1', count: 1, size: 1, keys: 1 },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't1', count: 1, size: 1, keys: 1, ttl: 1 },
      { do: 'advance', ms: 45 },
      { do: 'publish', topic: 't0', count: 5, size: 15_312, keys: 1 },
      { do: 'advance', ms: 42 },
    ],
  },
  'a topic that ended to make room for others is not counted any more': {
    settings: { ...SETTINGS, historyBudget: 2973 },
    topics: {
      t0: { ...TOPIC, history: { size: 27, ttl: 65_332, bytes: 25_168 } },
      t1: { ...TOPIC, history: { size: 47, ttl: 781, bytes: 10_454 } },
      t2: { ...TOPIC, history: { size: 9, ttl: 14_678, bytes: 101_414 } },
    },
    clients: [CLIENT],
    steps: [
      { do: 'publish', topic: 't1', count: 1, size: 190, keys: 1 },
      { do: 'publish', topic: 't2', count: 1, size: 214, keys: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'publish', topic: 't1', count: 3, size: 3, keys: 1 },
      { do: 'publish', topic: 't2', count: 1, size: 5, keys: 1 },
      { do: 'publish', topic: 't1', count: 10, size: 2, keys: 1 },
    ],
  },
  'what was kept for a client that waited for its answer goes when it has it': {
    settings: SETTINGS,
    topics: { t0: { ...TOPIC, slow: 'conflate', conflate: 'key' } },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0', held: true },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'turn' },
    ],
  },
  'a large publication and a small answer do not close a client over TLS': {
    settings: { ...SETTINGS, maxBytes: 7350 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, tls: true }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 1, size: 7729, keys: 5 },
      { do: 'turn' },
    ],
  },
  'what is handed over before a close does not make a busy client a slow one': {
    settings: { ...SETTINGS, maxBytes: 37_956 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'slow', rate: 50, buffer: 78 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'turn' },
      { do: 'publish', topic: 't0', count: 8, size: 4825, keys: 1 },
      { do: 'close', client: 0 },
    ],
  },
  'nor does what is handed over when the server ends its subscription': {
    settings: { ...SETTINGS, maxBytes: 35_577 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'flapping', on: 1, off: 888, buffer: 71 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 9371, keys: 2 },
      { do: 'publish', topic: 't0', count: 18, size: 5136, keys: 1 },
      { do: 'revoke', client: 0, topic: 't0' },
    ],
  },
  'a socket that takes a large write bit by bit is slow, and not frozen': {
    settings: { ...SETTINGS, maxBytes: 37_977, grace: 1434 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'slow', rate: 4.9, buffer: 90 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 2, size: 34_038, keys: 5 },
      { do: 'advance', ms: 1668 },
      { do: 'publish', topic: 't0', count: 1, size: 10, keys: 5 },
    ],
  },
  'a socket that is busy with more than the budget is ended, behind or not': {
    settings: { ...SETTINGS, maxBytes: 40_041, grace: 19_988, budget: 84_042 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'slow', rate: 16.5, buffer: 175 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 4, size: 23_661, keys: 1 },
    ],
  },
  'what is kept for a client that is behind at its answer counts at once': {
    settings: { ...SETTINGS, maxBytes: 230_515, budget: 276_561, historyBudget: 8639 },
    topics: { t0: { ...TOPIC, history: { size: 1, ttl: 24_807, bytes: 8056 }, slow: 'gap' } },
    clients: [{ ...CLIENT, network: { kind: 'slow', rate: 29.3, buffer: 226 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0', held: true },
      { do: 'publish', topic: 't0', count: 4, size: 51_846, keys: 1 },
      { do: 'advance', ms: 62 },
    ],
  },
  'a socket that throws at a ping is beyond use, and nobody else': {
    settings: SETTINGS,
    topics: { t0: TOPIC },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'break', client: 0 },
      { do: 'ping', client: 0 },
    ],
  },
  'a socket that throws when it has drained is beyond use, and nobody else': {
    settings: { ...SETTINGS, grace: 1149 },
    topics: { t0: TOPIC },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'reply', client: 0, size: 1 },
      { do: 'network', client: 0, network: { kind: 'frozen', buffer: 80 } },
      { do: 'advance', ms: 1 },
      { do: 'break', client: 0 },
    ],
  },
  'who asks for another rate misses nothing that is not flushed yet': {
    settings: SETTINGS,
    topics: { t0: { ...TOPIC, slow: 'conflate', conflate: 'key' } },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'subscribe', client: 0, topic: 't0', maxRate: 4 },
    ],
  },
  'who asks for another rate is not told of a loss': {
    settings: SETTINGS,
    topics: {
      t0: { ...TOPIC, history: { size: 8, ttl: 559, bytes: 3901 }, slow: 'conflate', conflate: 'key' },
    },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 2, size: 1904, keys: 2 },
      { do: 'subscribe', client: 0, topic: 't0', maxRate: 4 },
      { do: 'publish', topic: 't0', count: 1, size: 4, keys: 1 },
    ],
  },
  'nor when others of the topic have been served already': {
    settings: SETTINGS,
    topics: {
      t0: { ...TOPIC, history: { size: 4, ttl: 177, bytes: 24_109 }, slow: 'conflate', conflate: 'key' },
    },
    clients: [CLIENT, CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0', maxRate: 1 },
      { do: 'subscribe', client: 1, topic: 't0' },
      { do: 'advance', ms: 1 },
      { do: 'reconnect', client: 0, since: false },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'network', client: 0, network: { kind: 'frozen', buffer: 551 } },
      { do: 'turn' },
      { do: 'publish', topic: 't0', count: 5, size: 1, keys: 1 },
      { do: 'turn' },
      { do: 'subscribe', client: 0, topic: 't0', since: true },
    ],
  },
  'another rate does not give the excepted what is not for them': {
    settings: SETTINGS,
    topics: {
      t0: {
        ...TOPIC,
        history: { size: 23, ttl: 141_138, bytes: 81_500 },
        slow: 'conflate',
        conflate: 'latest',
      },
    },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0', maxRate: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'turn' },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1, except: 0 },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'subscribe', client: 0, topic: 't0' },
    ],
  },
  'who has just been answered gets nothing either that is not for them, where others get less': {
    settings: { ...SETTINGS, window: 10, maxBytes: 7296 },
    topics: {
      t0: {
        ...TOPIC,
        history: { size: 6, ttl: 83, bytes: 163_552 },
        slow: 'conflate',
        conflate: 'key',
        every: 39,
      },
    },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0', held: true },
      { do: 'publish', topic: 't0', count: 3, size: 1, keys: 1 },
      { do: 'publish', topic: 't0', count: 3, size: 6, keys: 3, except: 0 },
      { do: 'publish', topic: 't0', count: 1, size: 7740, keys: 1 },
    ],
  },
  'who is there is not told twice to whom the server subscribes before the answer': {
    settings: SETTINGS,
    topics: { t0: { ...TOPIC, presence: { debounce: 94, members: 1000 } } },
    clients: [CLIENT, { ...CLIENT, user: 'ann' }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0~presence', held: true },
      { do: 'subscribe', client: 1, topic: 't0' },
      { do: 'advance', ms: 94 },
      { do: 'invite', client: 0, topic: 't0~presence' },
    ],
  },
  'a ping between the gathering of a flush and its write makes nobody a slow one': {
    settings: { ...SETTINGS, maxBytes: 15_917, grace: 463 },
    topics: {
      t0: { ...TOPIC, history: { size: 2, ttl: 627, bytes: 59_883 } },
      t1: { ...TOPIC, history: { size: 32, ttl: 35_680, bytes: 2268 }, snapshot: true },
      t2: { ...TOPIC, slow: 'disconnect' },
    },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't1' },
      { do: 'subscribe', client: 0, topic: 't2' },
      { do: 'reconnect', client: 0, since: false },
      { do: 'advance', ms: 1 },
      { do: 'network', client: 0, network: { kind: 'flapping', on: 58, off: 2244, buffer: 223 } },
      { do: 'reconnect', client: 0, since: true },
      { do: 'advance', ms: 457 },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'subscribe', client: 0, topic: 't1' },
      { do: 'publish', topic: 't1', count: 6, size: 13_760, keys: 2 },
      { do: 'flush' },
      { do: 'ping', client: 0 },
    ],
  },
};

it.each(Object.entries(REGRESSIONS))('%s', async (_, scenario) => {
  expect(await play(scenario)).toBeUndefined();
});
