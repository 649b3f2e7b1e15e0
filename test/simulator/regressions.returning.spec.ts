import { expect, it } from 'vitest';
import { play } from './play.js';
import type { Scenario } from './scenario.js';
import { CLIENT, SETTINGS, TOPIC } from './usual.js';

// As regressions.spec.ts, of clients that subscribe again or come back.

const PRESENCE = { debounce: 44, members: 1000 };

const REGRESSIONS: Readonly<Record<string, Scenario>> = {
  'who subscribes again while a new snapshot is made for what it lost has that of its answer in its place': {
    settings: { ...SETTINGS, maxBytes: 17_332, grace: 946 },
    topics: { t0: { ...TOPIC, snapshot: true } },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'network', client: 0, network: { kind: 'frozen', buffer: 27_938 } },
      { do: 'publish', topic: 't0', count: 3, size: 27_805, keys: 1 },
      { do: 'flush' },
      { do: 'publish', topic: 't0', count: 1, size: 36_141, keys: 1 },
      { do: 'subscribe', client: 0, topic: 't0', held: true },
      { do: 'publish', topic: 't0', count: 4, size: 28, keys: 2 },
      { do: 'turn' },
      { do: 'turn' },
      { do: 'network', client: 0, network: { kind: 'fast' } },
      { do: 'publish', topic: 't0', count: 4, size: 27_222, keys: 5 },
    ],
  },
  'who subscribes again gets no new time of grace for a socket that takes nothing': {
    settings: { ...SETTINGS, maxBytes: 158_798, grace: 1137 },
    topics: {
      t0: { ...TOPIC, history: { size: 23, ttl: 65, bytes: 4278 } },
      t1: { ...TOPIC, slow: 'conflate', conflate: 'latest' },
    },
    clients: [{ ...CLIENT, network: { kind: 'frozen', buffer: 421 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'subscribe', client: 0, topic: 't1' },
      { do: 'publish', topic: 't0', count: 1, size: 6570, keys: 1 },
      { do: 'publish', topic: 't0', count: 18, size: 47, keys: 1 },
      { do: 'publish', topic: 't1', count: 6, size: 187, keys: 1 },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't1', count: 1, size: 59_121, keys: 2 },
      { do: 'advance', ms: 1004 },
      { do: 'publish', topic: 't1', count: 1, size: 126, keys: 1 },
      { do: 'subscribe', client: 0, topic: 't1', since: true, maxRate: 10 },
      { do: 'publish', topic: 't0', count: 3, size: 7130, keys: 1 },
      { do: 'publish', topic: 't1', count: 9, size: 33_382, keys: 2 },
    ],
  },
  'who recovers a topic that conflates from its history misses nothing when the history ends before it is served':
    {
      settings: { ...SETTINGS, maxBytes: 51_673, grace: 6106 },
      topics: {
        t0: { ...TOPIC, history: { size: 31, ttl: 222_507, bytes: 113_303 }, slow: 'conflate' },
        t1: {
          ...TOPIC,
          history: { size: 48, ttl: 474, bytes: 110_273 },
          slow: 'conflate',
          conflate: 'latest',
          every: 7,
        },
      },
      clients: [{ ...CLIENT, deflate: true, network: { kind: 'slow', rate: 18.8, buffer: 710 } }],
      steps: [
        { do: 'subscribe', client: 0, topic: 't0' },
        { do: 'subscribe', client: 0, topic: 't1' },
        { do: 'publish', topic: 't1', count: 1, size: 22_393, keys: 1 },
        { do: 'publish', topic: 't0', count: 1, size: 2130, keys: 1, ttl: 48 },
        { do: 'publish', topic: 't0', count: 1, size: 1930, keys: 2 },
        { do: 'reply', client: 0, size: 190 },
        { do: 'stall', ms: 2 },
        { do: 'publish', topic: 't1', count: 6, size: 6, keys: 2, ttl: 1652, except: 0 },
        { do: 'publish', topic: 't0', count: 10, size: 47_193, keys: 5 },
        { do: 'advance', ms: 144 },
        { do: 'reconnect', client: 0, since: true },
      ],
    },
  'a list of who is there is not followed by changes that it has, wherever the client was before': {
    settings: { ...SETTINGS, window: 1, maxBytes: 20_899, grace: 801 },
    topics: { t0: { ...TOPIC, presence: PRESENCE } },
    clients: [CLIENT, { ...CLIENT, user: 'bob' }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'subscribe', client: 0, topic: 't0~presence' },
      { do: 'subscribe', client: 1, topic: 't0~presence' },
      { do: 'advance', ms: 45 },
      { do: 'reconnect', client: 0, since: false },
      { do: 'unsubscribe', client: 0, topic: 't0~presence' },
      { do: 'subscribe', client: 0, topic: 't0~presence', since: true },
      { do: 'user', client: 0, user: 'bob' },
    ],
  },
  'nor when somebody has left meanwhile': {
    settings: { ...SETTINGS, window: 10, maxBytes: 16_246, grace: 2599 },
    topics: { t0: { ...TOPIC, presence: { ...PRESENCE, debounce: 2 } } },
    clients: [{ ...CLIENT, user: 'ann' }, CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'subscribe', client: 0, topic: 't0~presence' },
      { do: 'subscribe', client: 1, topic: 't0~presence' },
      { do: 'unsubscribe', client: 0, topic: 't0' },
      { do: 'advance', ms: 3 },
      { do: 'reconnect', client: 1, since: false },
      { do: 'unsubscribe', client: 1, topic: 't0~presence' },
      { do: 'subscribe', client: 1, topic: 't0~presence', since: true },
    ],
  },
};

it.each(Object.entries(REGRESSIONS))('%s', async (_, scenario) => {
  expect(await play(scenario)).toBeUndefined();
});
