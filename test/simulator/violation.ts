/** What can be found wrong. */
export type Rule =
  /** A publication is missing, and nobody said so. */
  | 'loss'
  | 'duplicate'
  /** The bytes are not those that were published. */
  | 'payload'
  /** A gap that is none, is not where the client is, or gives a wrong reason. */
  | 'gap'
  /** Handed to a socket after its ttl. */
  | 'stale'
  /** Delivered to the connection that was excepted. */
  | 'except'
  | 'idempotency'
  /** `recovered` says something else than what follows. */
  | 'recovery'
  /** A reply or an answer is lost, twice there or out of order. */
  | 'reply'
  /** Something of a topic without a subscription. */
  | 'stranger'
  /** More often than the client asked for. */
  | 'rate'
  /** The newest value of a key was not delivered. */
  | 'newest'
  /** Closed as slow without cause, or not closed with cause. */
  | 'slow'
  /** More is under way to a client than it reads in time. */
  | 'underway'
  /** What a client has read is older than it need be. */
  | 'age'
  /** More are given at once what they missed than may be, or somebody waits for nothing. */
  | 'turns'
  /** More memory than the limits allow. */
  | 'memory'
  /** Something is left when all is over. */
  | 'rest'
  /** A client is told something wrong of who is there. */
  | 'presence'
  /** The number of receivers that a publication reports. */
  | 'receipt'
  /** A frame that the protocol does not know. */
  | 'protocol'
  /** The core threw. */
  | 'crash';

/** The oracle's finding. */
export class Violation extends Error {
  constructor(
    readonly rule: Rule,
    message: string,
  ) {
    super(`${rule}: ${message}`);
    this.name = 'Violation';
  }
}

/** @throws Violation unless `holds`; the message is made only then */
export function demand(holds: boolean, rule: Rule, message: () => string): asserts holds {
  if (!holds) throw new Violation(rule, message());
}
