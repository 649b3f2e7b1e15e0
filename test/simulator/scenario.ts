import type { SlowPolicy } from '../../lib/topic/topic-policy.js';

/** Everything that happens in one run. Plain data: it can be printed, pasted into a test and made smaller. */
export interface Scenario {
  readonly settings: Settings;
  readonly topics: Readonly<Record<string, TopicSpec>>;
  readonly clients: readonly ClientSpec[];
  readonly steps: readonly Step[];
}

/** Options of the server. Bytes and milliseconds. */
export interface Settings {
  /** Fixed window of the flush; undefined is the adaptive one. */
  readonly window: number | undefined;
  readonly slice: number;
  /** What one system call takes, so that flushes are cut into slices. */
  readonly writeMs: number;
  readonly maxBytes: number;
  readonly grace: number;
  /** 0 bounds nothing. */
  readonly lag: number;
  /** From one ping of the heartbeat to the next; undefined for a gateway without one, which sends no pings at all. */
  readonly heartbeat: number | undefined;
  readonly budget: number;
  readonly historyBudget: number;
  /** Connections. */
  readonly recoveries: number;
}

export interface TopicSpec {
  /** Publications, milliseconds, bytes. */
  readonly history: { readonly size: number; readonly ttl: number; readonly bytes: number };
  readonly slow: SlowPolicy;
  readonly conflate: 'latest' | 'key' | undefined;
  readonly every: number;
  /** Whether its method returns a snapshot. */
  readonly snapshot: boolean;
  /** Milliseconds, and members above which only their number is told. Undefined without a presence. */
  readonly presence?: { readonly debounce: number; readonly members: number };
}

/** The name of the topic that tells who is subscribed to another. */
export function presenceOf(topic: string): string {
  return `${topic}~presence`;
}

/** The topic that `name` is the presence of; undefined when it is none. */
export function subjectOf(name: string): string | undefined {
  return name.endsWith('~presence') ? name.slice(0, -'~presence'.length) : undefined;
}

/** A presence as a topic. */
export const PRESENCE: TopicSpec = {
  history: { size: 0, ttl: 300_000, bytes: 1_048_576 },
  slow: 'catch-up',
  conflate: undefined,
  every: 0,
  snapshot: false,
};

/** One device. It has a connection at a time, and comes back after it lost one when a step says so. */
export interface ClientSpec {
  readonly format: 'plain' | 'batched';
  readonly deflate: boolean;
  readonly tls: boolean;
  readonly network: Network;
  readonly pongs: Pongs;
  /** Milliseconds from a ping that it has read to its answer. */
  readonly busy: number;
  /** Id of its user; several clients may have one. */
  readonly user?: string;
}

/** Which pings a client answers: of those that it reads at once, the newest will do. */
export type Pongs = 'each' | 'newest' | 'twice' | 'never';

/** How the kernel takes bytes. `buffer`: bytes it takes before the peer has read any; `rate`: bytes a millisecond. */
export type Network =
  | { readonly kind: 'fast' }
  | { readonly kind: 'slow'; readonly rate: number; readonly buffer: number }
  /** A proxy takes bytes at once; each reaches the client `delay` milliseconds later or more, and so does each answer. */
  | { readonly kind: 'proxied'; readonly rate: number; readonly buffer: number; readonly delay: number }
  | { readonly kind: 'frozen'; readonly buffer: number }
  /** Reads everything for `on` milliseconds, then nothing for `off`. */
  | { readonly kind: 'flapping'; readonly on: number; readonly off: number; readonly buffer: number };

/** What a publication has beside its topic. */
export interface Publish {
  readonly do: 'publish';
  readonly topic: string;
  /** How many, one after the other. */
  readonly count: number;
  /** Characters of filling. */
  readonly size: number;
  /** Keys that the publications go through, one after the other. */
  readonly keys: number;
  readonly ttl?: number;
  /** Client whose connection does not get it. */
  readonly except?: number;
  readonly idempotencyKey?: string;
}

/** One event. A step that finds nothing to do (a client that is not connected, say) does nothing: any step may be left out. */
export type Step =
  | Publish
  | {
      readonly do: 'subscribe';
      readonly client: number;
      readonly topic: string;
      /** Goes on from the client's own last position, if it has one. */
      readonly since?: boolean;
      readonly maxRate?: number;
      /** The topic's method takes until the step `answer`. */
      readonly held?: boolean;
    }
  | { readonly do: 'answer'; readonly client: number }
  | { readonly do: 'unsubscribe'; readonly client: number; readonly topic: string }
  /** Subscribed and unsubscribed from the server's side. */
  | { readonly do: 'invite'; readonly client: number; readonly topic: string }
  | { readonly do: 'revoke'; readonly client: number; readonly topic: string }
  | { readonly do: 'reply'; readonly client: number; readonly size: number }
  | { readonly do: 'ping'; readonly client: number }
  /** The application assigns another user to the connection; null is none. */
  | { readonly do: 'user'; readonly client: number; readonly user: string | null }
  | { readonly do: 'network'; readonly client: number; readonly network: Network }
  /** The connection is reset: both sides know. */
  | { readonly do: 'drop'; readonly client: number }
  /** The peer has vanished and only the client knows. */
  | { readonly do: 'vanish'; readonly client: number }
  /** The server closes it. */
  | { readonly do: 'close'; readonly client: number }
  /** The next write to the socket throws. */
  | { readonly do: 'break'; readonly client: number }
  /** A new connection, with the subscriptions of the one before. */
  | { readonly do: 'reconnect'; readonly client: number; readonly since: boolean }
  /** All clients do, at once. */
  | { readonly do: 'return'; readonly since: boolean }
  /** One turn of the event loop without any time. */
  | { readonly do: 'turn' }
  | { readonly do: 'advance'; readonly ms: number }
  /** The event loop stands still. */
  | { readonly do: 'stall'; readonly ms: number }
  | { readonly do: 'flush' };
