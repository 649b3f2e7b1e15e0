import { CLOSE, type Close } from '../errors/close-codes.js';
import type { RejectionCause, Rejections } from '../observe/rejections.js';
import type { ClientSession } from './client-session.js';
import { silence } from './silence.js';
import type { UsageLimits } from './usage-limits.js';

/** What is no fault of the client, who will come back with it: it is counted, and not held against it. */
const OURS: ReadonlySet<RejectionCause> = new Set<RejectionCause>(['loop-delay', 'heap', 'topics']);

/** Counts what clients are refused, and closes those that go on with it. */
export class Offenders {
  readonly #rejections: Rejections;
  readonly #usage: UsageLimits;

  constructor(rejections: Rejections, usage: UsageLimits) {
    this.#rejections = rejections;
    this.#usage = usage;
  }

  /** A message was refused. Closes its connection when it is one of too many. */
  refused(session: ClientSession, cause: RejectionCause): void {
    this.#count(session, cause);
    if (!OURS.has(cause) && !this.#usage.mayErr(session)) this.expel(session, 'abuse', CLOSE.ABUSE);
  }

  /** Closes a connection that is too late, and waits for the client's answer to that. */
  close(session: ClientSession, cause: RejectionCause, close: Close): void {
    this.#count(session, cause);
    session.connection.closeAs(close);
  }

  /** Closes a connection for what it did, whatever else it may have to say. */
  expel(session: ClientSession, cause: RejectionCause, close: Close): void {
    this.#count(session, cause);
    session.connection.closeForGood(close);
    silence(session.socket, session.connection.transport);
  }

  /** `ws` has closed it for a frame that it did not take. */
  broke(session: ClientSession, cause: RejectionCause): void {
    this.#count(session, cause);
    silence(session.socket, session.connection.transport);
  }

  #count({ connection }: ClientSession, cause: RejectionCause): void {
    this.#rejections.count(cause, connection.handshake.ip);
  }
}
