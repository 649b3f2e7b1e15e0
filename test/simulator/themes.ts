import type { SlowPolicy } from '../../lib/topic/topic-policy.js';
import type { Prng } from './prng.js';
import type { Network, Pongs, Settings, Step, TopicSpec } from './scenario.js';

/** What a scenario is about: a schedule of everything at once seldom gets anywhere. */
export interface Theme {
  /** How often it is chosen, against the others. */
  readonly share: number;
  readonly settings: (prng: Prng) => Pick<Settings, 'maxBytes' | 'grace' | 'budget' | 'historyBudget'>;
  readonly topic: (prng: Prng) => TopicSpec;
  readonly networks: Readonly<Partial<Record<Network['kind'], number>>>;
  /** Share of the servers that bound what is under way. */
  readonly lags: number;
  /** How clients answer pings. */
  readonly pongs: Readonly<Partial<Record<Pongs, number>>>;
  /** Largest reply. Bytes. */
  readonly replies: number;
  /** Share of the steps that are a publication every so often, for a while. */
  readonly streams: number;
  /** Share of the subscribes with a `maxRate`. */
  readonly rates: number;
  /** Share of the clients with a user. */
  readonly users: number;
  readonly publish: {
    /** Shares of the publications. */
    readonly ttl: number;
    readonly except: number;
    readonly idempotent: number;
    /** Ranges of the fillings. Bytes. */
    readonly sizes: readonly (readonly [from: number, to: number])[];
  };
  readonly steps: Readonly<Partial<Record<Step['do'], number>>>;
  /** Longest pause. */
  readonly longest: number;
}

/** A ticker, a document, and what takes a slow socket its time: it is given 64 KiB before anything waits in a log. */
const SMALL = [1, 300] as const;
const MIDDLING = [300, 5000] as const;
const LARGE = [5000, 60_000] as const;

const PLENTY = 64 * 1024 * 1024;

const STEPS: Theme['steps'] = {
  publish: 14,
  turn: 8,
  advance: 6,
  subscribe: 3,
  answer: 1,
  unsubscribe: 1,
  invite: 1,
  revoke: 1,
  reply: 2,
  ping: 0.5,
  network: 2,
  drop: 0.5,
  vanish: 0.3,
  close: 0.3,
  break: 0.1,
  reconnect: 2,
  stall: 0.3,
  flush: 1,
};

function history(prng: Prng, share: number): TopicSpec['history'] {
  if (!prng.chance(share)) return { size: 0, ttl: 300_000, bytes: 1_048_576 };
  return {
    size: prng.magnitude(1, 50),
    ttl: prng.magnitude(50, 300_000),
    bytes: prng.magnitude(200, 200_000),
  };
}

function topic(prng: Prng, slow: SlowPolicy): TopicSpec {
  return { history: history(prng, 0.5), slow, conflate: undefined, every: 0, snapshot: prng.chance(0.3) };
}

function conflating(prng: Prng): TopicSpec {
  return {
    ...topic(prng, 'conflate'),
    conflate: prng.pick(['latest', 'key']),
    every: prng.chance(0.5) ? prng.magnitude(1, 1000) : 0,
  };
}

const PLAIN: Theme = {
  share: 2,
  settings: () => ({ maxBytes: 1_048_576, grace: 15_000, budget: PLENTY, historyBudget: PLENTY }),
  topic: prng => topic(prng, 'catch-up'),
  networks: { fast: 6, slow: 2, flapping: 1 },
  lags: 0.2,
  pongs: { each: 5, newest: 1, twice: 1, never: 1 },
  replies: 2000,
  streams: 0,
  rates: 0.01,
  users: 0,
  publish: { ttl: 0, except: 0.1, idempotent: 0.1, sizes: [SMALL, SMALL, MIDDLING] },
  steps: STEPS,
  longest: 500,
};

/** Sockets that are behind more often than not, and logs that cannot wait for them. */
const SLOW: Theme = {
  ...PLAIN,
  share: 3,
  settings: prng => ({
    maxBytes: prng.magnitude(2000, 300_000),
    grace: prng.magnitude(200, 20_000),
    budget: PLENTY,
    historyBudget: PLENTY,
  }),
  topic: prng => topic(prng, prng.pick(['catch-up', 'catch-up', 'gap', 'disconnect'])),
  networks: { fast: 2, slow: 5, frozen: 2, flapping: 3 },
  publish: { ttl: 0.05, except: 0.05, idempotent: 0, sizes: [SMALL, MIDDLING, LARGE, LARGE] },
  steps: { ...STEPS, publish: 20, network: 4 },
  longest: 5000,
};

/** Clients behind proxies that take whatever they are sent: only their answers to pings tell how slow they are. */
const LINES: Theme = {
  ...SLOW,
  share: 2,
  settings: prng => ({
    maxBytes: prng.magnitude(50_000, 1_000_000),
    grace: prng.pick([15_000, prng.magnitude(500, 20_000)]),
    budget: PLENTY,
    historyBudget: PLENTY,
  }),
  topic: prng =>
    prng.chance(0.1)
      ? conflating(prng)
      : topic(prng, prng.pick(['catch-up', 'catch-up', 'gap', 'disconnect'])),
  networks: { proxied: 8, fast: 2, slow: 1, frozen: 0.3, flapping: 0.5 },
  lags: 1,
  replies: 300_000,
  streams: 0.05,
  publish: { ttl: 0.03, except: 0.03, idempotent: 0, sizes: [SMALL, MIDDLING, LARGE] },
  steps: { ...STEPS, publish: 14, advance: 10, network: 0.5, reconnect: 1, vanish: 0.1, stall: 0.1 },
  longest: 5000,
};

/** Every theme there is, by name. */
export const THEMES: Readonly<Record<string, Theme>> = {
  plain: PLAIN,
  slow: SLOW,
  lines: LINES,
  /** Those that come and go, and go on where they were. */
  recovery: {
    ...PLAIN,
    settings: prng => ({
      ...PLAIN.settings(prng),
      historyBudget: prng.chance(0.3) ? prng.magnitude(1024, 50_000) : PLENTY,
    }),
    steps: { ...STEPS, reconnect: 8, drop: 2, vanish: 1, subscribe: 5 },
    longest: 20_000,
  },
  /** Those that come back all together, to more than their sockets take at once. */
  storm: {
    ...SLOW,
    share: 2,
    settings: prng => ({ ...SLOW.settings(prng), maxBytes: prng.magnitude(100_000, 1_000_000) }),
    topic: prng => ({
      ...topic(prng, prng.pick(['catch-up', 'gap', 'disconnect'])),
      history: { size: prng.int(20, 50), ttl: 300_000, bytes: prng.magnitude(200_000, 2_000_000) },
    }),
    networks: { fast: 1, slow: 2, frozen: 4, flapping: 2 },
    publish: { ttl: 0.05, except: 0.05, idempotent: 0, sizes: [LARGE] },
    steps: { ...STEPS, publish: 20, return: 5, reconnect: 5, subscribe: 4, network: 4 },
    longest: 500,
  },
  /** Who is there, and who is told. */
  presence: {
    ...PLAIN,
    share: 1,
    settings: prng => (prng.chance(0.5) ? PLAIN : SLOW).settings(prng),
    topic: prng => ({
      ...topic(prng, 'catch-up'),
      presence: { debounce: prng.magnitude(1, 1000), members: prng.pick([0, 1, 2, 1000, 1000]) },
    }),
    networks: { fast: 6, slow: 1, frozen: 1, flapping: 1 },
    users: 0.7,
    steps: { ...STEPS, publish: 4, subscribe: 8, unsubscribe: 4, revoke: 2, reconnect: 4, drop: 2, user: 2 },
  },
  ttl: {
    ...SLOW,
    share: 1,
    topic: prng => (prng.chance(0.3) ? conflating(prng) : topic(prng, 'catch-up')),
    publish: { ttl: 0.6, except: 0.05, idempotent: 0, sizes: [SMALL, MIDDLING, LARGE] },
    longest: 1000,
  },
  conflation: {
    ...SLOW,
    share: 2,
    topic: prng => (prng.chance(0.8) ? conflating(prng) : topic(prng, 'catch-up')),
    networks: { fast: 6, slow: 3, frozen: 1, flapping: 2 },
    rates: 0.5,
    publish: { ttl: 0, except: 0.05, idempotent: 0, sizes: [SMALL, SMALL, LARGE] },
    longest: 2000,
  },
  /** More is kept than the process can bear. */
  budget: {
    ...SLOW,
    share: 1,
    settings: prng => ({
      maxBytes: prng.magnitude(20_000, 500_000),
      grace: prng.magnitude(1000, 60_000),
      budget: prng.magnitude(10_000, 500_000),
      historyBudget: prng.magnitude(2000, 200_000),
    }),
    networks: { fast: 1, slow: 4, frozen: 4, flapping: 2 },
    publish: { ttl: 0, except: 0.05, idempotent: 0, sizes: [SMALL, MIDDLING, LARGE, LARGE] },
  },
};
