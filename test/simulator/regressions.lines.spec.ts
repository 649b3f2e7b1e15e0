import { expect, it } from 'vitest';
import { play } from './play.js';
import type { Scenario } from './scenario.js';
import { CLIENT, SETTINGS, TOPIC } from './usual.js';

// As regressions.spec.ts, of lines that are bounded by answers to pings.

const BOUNDED = { ...SETTINGS, lag: 5000, heartbeat: 30_000 };

const REGRESSIONS: Readonly<Record<string, Scenario>> = {
  'what is cut to fit a line keeps its last byte, whatever the rate of the line': {
    settings: { ...BOUNDED, lag: 1366 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'slow', rate: 20.7, buffer: 531 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 2, size: 13_462, keys: 1 },
    ],
  },
  'who reads and never answers is not taken for frozen while its first answer is waited for': {
    settings: { ...BOUNDED, maxBytes: 261_858, grace: 1800 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, pongs: 'never' }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'turn' },
      { do: 'publish', topic: 't0', count: 4, size: 20_000, keys: 1 },
      { do: 'turn' },
      { do: 'publish', topic: 't0', count: 4, size: 20_000, keys: 1 },
      { do: 'advance', ms: 10_000 },
    ],
  },
  'nor is the wait for a first answer a sign that a socket has taken something': {
    settings: { ...BOUNDED, writeMs: 1, maxBytes: 90_851, grace: 1036 },
    topics: { t0: { ...TOPIC, slow: 'disconnect' }, t1: TOPIC },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'network', client: 0, network: { kind: 'frozen', buffer: 303 } },
      { do: 'subscribe', client: 0, topic: 't1' },
      { do: 'publish', topic: 't1', count: 1, size: 13_951, keys: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 49_886, keys: 1 },
      { do: 'turn' },
      { do: 'publish', topic: 't1', count: 1, size: 2877, keys: 5 },
    ],
  },
  'nobody goes round in circles for a broken socket before which something waits': {
    settings: BOUNDED,
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'frozen', buffer: 4_000_000 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'ping', client: 0 },
      { do: 'turn' },
      { do: 'publish', topic: 't0', count: 6, size: 30_000, keys: 1 },
      { do: 'turn' },
      { do: 'publish', topic: 't0', count: 6, size: 30_000, keys: 1 },
      { do: 'break', client: 0 },
      { do: 'ping', client: 0 },
      { do: 'flush' },
    ],
  },
  'the values that wait at the end of a subscription come at once, in as many writes as they need': {
    settings: { ...BOUNDED, window: 50, writeMs: 1, maxBytes: 150_039, lag: 2120 },
    topics: {
      t0: {
        ...TOPIC,
        slow: 'conflate',
        conflate: 'key',
        every: 854,
        history: { size: 14, ttl: 75, bytes: 1332 },
      },
    },
    clients: [CLIENT],
    steps: [
      { do: 'reconnect', client: 0, since: false },
      { do: 'invite', client: 0, topic: 't0' },
      { do: 'publish', topic: 't0', count: 1, size: 1, keys: 1 },
      { do: 'advance', ms: 50 },
      { do: 'publish', topic: 't0', count: 2, size: 10_982, keys: 5 },
      { do: 'revoke', client: 0, topic: 't0' },
    ],
  },
  'the server is told once that it has subscribed a client, while the client leaves a reply unread': {
    settings: { ...BOUNDED, maxBytes: 65_233, lag: 2322 },
    topics: { t0: TOPIC },
    clients: [CLIENT],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0', held: true },
      { do: 'reply', client: 0, size: 72_487 },
      { do: 'invite', client: 0, topic: 't0' },
      { do: 'invite', client: 0, topic: 't0' },
    ],
  },
  'the first window of a slow line may take longer than a short limit': {
    settings: { ...BOUNDED, writeMs: 1, maxBytes: 792_103, lag: 511 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'proxied', rate: 13.1, buffer: 4_194_304, delay: 12 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't0', count: 1, size: 14_748, keys: 5 },
      { do: 'advance', ms: 176 },
      { do: 'publish', topic: 't0', count: 1, size: 15_241, keys: 5 },
    ],
  },
  'without a heartbeat nothing is too old for anybody': {
    settings: { ...SETTINGS, maxBytes: 109_390, lag: 5000 },
    topics: { t0: TOPIC },
    clients: [{ ...CLIENT, network: { kind: 'slow', rate: 0.1, buffer: 862 } }],
    steps: [
      { do: 'subscribe', client: 0, topic: 't0' },
      { do: 'advance', ms: 1 },
      { do: 'publish', topic: 't0', count: 20, size: 8856, keys: 1 },
      { do: 'advance', ms: 10_000 },
      { do: 'publish', topic: 't0', count: 1, size: 8856, keys: 1 },
    ],
  },
};

it.each(Object.entries(REGRESSIONS))('%s', async (_, scenario) => {
  expect(await play(scenario)).toBeUndefined();
});
