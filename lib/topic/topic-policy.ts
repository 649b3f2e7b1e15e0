/** Treatment of a subscriber that is further behind than `slowConsumer.maxBytes`. */
export type SlowPolicy = 'catch-up' | 'gap' | 'conflate' | 'disconnect';

/** Limits of a topic's history, for clients that return. */
export interface HistoryPolicy {
  /** Most publications; 0 keeps none. */
  readonly size: number;
  /** Milliseconds after which a publication is forgotten. */
  readonly ttl: number;
  /** Most bytes of payload. */
  readonly bytes: number;
}

/** Presence settings of a topic, for `<topic>~presence`. */
export interface PresencePolicy {
  /**
   * Function for the public info of a member, beside the id of its user; undefined shows nothing. Gets a connection.
   */
  readonly info: ((connection: any) => unknown) | undefined;
  /** Milliseconds over which changes are gathered before they are published. */
  readonly debounce: number;
  /** Number of members above which only their number is published. */
  readonly members: number;
}

/** Settings of a topic, by the pattern that matches it. */
export interface TopicPolicy {
  readonly history: HistoryPolicy;
  readonly slow: SlowPolicy;
  /**
   * Function for the conflation key of a payload. A newer publication replaces an older one with the same key.
   * Undefined if every publication counts.
   */
  readonly keyOf: ((data: any) => unknown) | undefined;
  /** Milliseconds between two flushes of a conflating topic; 0 flushes without a delay. */
  readonly every: number;
  readonly presence: PresencePolicy | undefined;
}

/** Policies of topics, decided by the rest of the application. */
export interface TopicPolicies {
  policyOf(name: string): TopicPolicy;
  /**
   * Returns the policy of a topic named by the application. A name that no `@Topic` matches may be a mistake, and is
   * checked.
   */
  policyFor(name: string): TopicPolicy;
}
