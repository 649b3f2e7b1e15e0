import type { ClientSpec, Settings, TopicSpec } from './scenario.js';

// What is as usual in a regression, so that its scenario shows what is not.

const MUCH = 64 * 1024 * 1024;

export const SETTINGS: Settings = {
  window: undefined,
  slice: 8,
  writeMs: 0,
  maxBytes: 1_048_576,
  grace: 15_000,
  lag: 0,
  heartbeat: undefined,
  budget: MUCH,
  historyBudget: MUCH,
  recoveries: 256,
};

export const TOPIC: TopicSpec = {
  history: { size: 0, ttl: 300_000, bytes: 1_048_576 },
  slow: 'catch-up',
  conflate: undefined,
  every: 0,
  snapshot: false,
};

export const CLIENT: ClientSpec = {
  format: 'plain',
  deflate: false,
  tls: false,
  network: { kind: 'fast' },
  pongs: 'each',
  busy: 0,
};
