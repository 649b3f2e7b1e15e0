/** What becomes of a subscriber that is further behind than `slowConsumer.maxBytes`. */
export type SlowPolicy = 'catch-up' | 'gap' | 'conflate' | 'disconnect';

/** What a topic remembers for clients that come back. */
export interface HistoryPolicy {
  /** Publications; 0 keeps none. */
  readonly size: number;
  /** Milliseconds since a publication after which it is forgotten. */
  readonly ttl: number;
  /** Bytes of payload. */
  readonly bytes: number;
}

/** Who is told about whom on `<topic>~presence`. */
export interface PresencePolicy {
  /** What others see of a member beside the id of its user; undefined shows nothing. Gets a connection. */
  readonly info: ((connection: any) => unknown) | undefined;
  /** Milliseconds that changes are gathered before they are published. */
  readonly debounce: number;
  /** Members above which only their number is published. */
  readonly members: number;
}

/** How a topic behaves, by the pattern it matches. */
export interface TopicPolicy {
  readonly history: HistoryPolicy;
  readonly slow: SlowPolicy;
  /** What stands for the same thing in two publications, so that the newer one will do; undefined where every publication counts. */
  readonly keyOf: ((data: any) => unknown) | undefined;
  /** Milliseconds between two flushes of a conflating topic; 0 flushes as any other topic. */
  readonly every: number;
  readonly presence: PresencePolicy | undefined;
}

/** What the rest of the application decides about topics. */
export interface TopicPolicies {
  policyOf(name: string): TopicPolicy;
  /** The policy of a topic named by the application. A name that no `@Topic` matches may be a mistake, and is checked. */
  policyFor(name: string): TopicPolicy;
}
