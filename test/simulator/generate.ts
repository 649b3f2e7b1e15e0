import { Prng } from './prng.js';
import {
  type ClientSpec,
  type Network,
  presenceOf,
  type Publish,
  type Scenario,
  type Settings,
  type Step,
} from './scenario.js';
import { type Theme, THEMES } from './themes.js';

/** The scenario of a seed: always the same one. */
export function scenarioOf(seed: number): Scenario {
  const prng = new Prng(seed);
  return new Generator(prng, THEMES[prng.weighted(shares())]!).scenario();
}

function shares(): Record<string, number> {
  return Object.fromEntries(Object.entries(THEMES).map(([name, { share }]) => [name, share]));
}

const USERS = ['ann', 'bob'];

class Generator {
  readonly #prng: Prng;
  readonly #theme: Theme;
  /** What may be published to, and what may be subscribed to. */
  #published: string[] = [];
  #topics: string[] = [];
  #clients = 0;

  constructor(prng: Prng, theme: Theme) {
    this.#prng = prng;
    this.#theme = theme;
  }

  scenario(): Scenario {
    const settings = this.#settings();
    const topics = Object.fromEntries(
      Array.from({ length: this.#prng.int(1, 3) }, (_, i) => [`t${i}`, this.#theme.topic(this.#prng)]),
    );
    this.#published = Object.keys(topics);
    this.#topics = this.#published.flatMap(name =>
      topics[name]!.presence === undefined ? [name] : [name, presenceOf(name)],
    );
    const clients = Array.from({ length: this.#prng.int(1, 5) }, () => this.#client());
    this.#clients = clients.length;
    const steps = this.#beginning();
    const length = this.#prng.int(5, 60);
    for (let i = 0; i < length; i++) steps.push(...this.#steps());
    return { settings, topics, clients, steps };
  }

  #settings(): Settings {
    const prng = this.#prng;
    const { maxBytes, grace, budget, historyBudget } = this.#theme.settings(prng);
    const lag = prng.chance(this.#theme.lags) ? prng.magnitude(500, 20_000) : 0;
    const beats = prng.chance(lag > 0 ? 0.9 : 0.1);
    return {
      window: prng.chance(0.3) ? prng.pick([1, 10, 50]) : undefined,
      slice: prng.pick([1, 8]),
      writeMs: prng.chance(0.2) ? 1 : 0,
      maxBytes,
      grace,
      lag,
      heartbeat: beats ? prng.magnitude(1000, 60_000) : undefined,
      budget,
      historyBudget,
      recoveries: prng.pick([1, 1, 2, 256]),
    };
  }

  #client(): ClientSpec {
    const prng = this.#prng;
    return {
      format: prng.pick(['plain', 'batched']),
      deflate: prng.chance(0.05),
      tls: prng.chance(0.15),
      network: this.#network(),
      pongs: prng.weighted(this.#theme.pongs),
      busy: prng.chance(0.1) ? prng.magnitude(1, 5000) : 0,
      ...(prng.chance(this.#theme.users) && { user: prng.pick(USERS) }),
    };
  }

  /** Most clients subscribe to most topics before anything else happens. */
  #beginning(): Step[] {
    const steps: Step[] = [];
    for (let client = 0; client < this.#clients; client++) {
      for (const topic of this.#topics) {
        if (this.#prng.chance(0.75)) steps.push(this.#subscribe(client, topic));
      }
    }
    if (this.#prng.chance(0.8)) steps.push({ do: 'turn' });
    return steps;
  }

  #network(): Network {
    const prng = this.#prng;
    const buffer = prng.magnitude(64, 32_768);
    switch (prng.weighted(this.#theme.networks)) {
      case 'fast':
        return { kind: 'fast' };
      case 'slow':
        return { kind: 'slow', rate: prng.magnitude(1, 1000) / 10, buffer };
      case 'proxied':
        return {
          kind: 'proxied',
          rate: prng.magnitude(10, 10_000) / 10,
          buffer: prng.chance(0.8) ? 4 * 1024 * 1024 : prng.magnitude(1000, 1_000_000),
          delay: prng.chance(0.5) ? 0 : prng.magnitude(1, 300),
        };
      case 'frozen':
        return { kind: 'frozen', buffer };
      case 'flapping':
        return { kind: 'flapping', on: prng.magnitude(1, 500), off: prng.magnitude(5, 5000), buffer };
    }
  }

  #subscribe(client: number, topic: string): Step {
    const prng = this.#prng;
    const maxRate = prng.chance(this.#theme.rates) ? prng.pick([1, 4, 10, 60]) : undefined;
    return {
      do: 'subscribe',
      client,
      topic,
      ...(prng.chance(0.5) && { since: true }),
      ...(maxRate !== undefined && { maxRate }),
      ...(prng.chance(0.1) && { held: true }),
    };
  }

  #publish(topic: string): Publish {
    const prng = this.#prng;
    const { ttl, except, idempotent, sizes } = this.#theme.publish;
    return {
      do: 'publish',
      topic,
      count: prng.chance(0.4) ? prng.magnitude(2, 20) : 1,
      size: prng.magnitude(...prng.pick(sizes)),
      keys: prng.pick([1, 2, 5]),
      ...(prng.chance(ttl) && { ttl: prng.magnitude(1, 2000) }),
      ...(prng.chance(except) && { except: prng.int(0, this.#clients - 1) }),
      ...(prng.chance(idempotent) && { idempotencyKey: prng.pick(['a', 'b', 'c']) }),
    };
  }

  #steps(): Step[] {
    return this.#prng.chance(this.#theme.streams) ? this.#stream() : [this.#step()];
  }

  /** A publication every so often. */
  #stream(): Step[] {
    const prng = this.#prng;
    const { count: _, ...publication } = this.#publish(prng.pick(this.#published));
    const ms = prng.magnitude(20, 1000);
    return Array.from({ length: prng.int(5, 30) }, (): Step[] => [
      { ...publication, count: 1 },
      { do: 'advance', ms },
    ]).flat();
  }

  #step(): Step {
    const prng = this.#prng;
    const client = prng.int(0, this.#clients - 1);
    const topic = prng.pick(this.#topics);
    const kind = prng.weighted(this.#theme.steps);
    switch (kind) {
      case 'publish':
        return this.#publish(prng.pick(this.#published));
      case 'subscribe':
        return this.#subscribe(client, topic);
      case 'unsubscribe':
      case 'invite':
      case 'revoke':
        return { do: kind, client, topic };
      case 'reply':
        return { do: kind, client, size: prng.magnitude(1, this.#theme.replies) };
      case 'user':
        return { do: kind, client, user: prng.chance(0.2) ? null : prng.pick(USERS) };
      case 'network':
        return { do: kind, client, network: this.#network() };
      case 'reconnect':
        return { do: kind, client, since: prng.chance(0.8) };
      case 'return':
        return { do: kind, since: prng.chance(0.8) };
      case 'advance':
        return { do: kind, ms: prng.magnitude(1, this.#theme.longest) };
      case 'stall':
        return { do: kind, ms: prng.magnitude(1, 1000) };
      case 'turn':
      case 'flush':
        return { do: kind };
      default:
        return { do: kind, client };
    }
  }
}
