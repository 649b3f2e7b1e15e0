import { CLOSE, type Close } from '../../errors/close-codes.js';
import type { RejectionCause, Rejections } from '../../observe/rejections.js';
import type { Bans } from '../../limits/bans.js';
import type { ClientSession } from '../session/client-session.js';
import { silence } from '../../ws/silence.js';
import type { UsageLimits } from '../../limits/usage-limits.js';

/** What is no fault of the client, who will come back with it: it is counted, and not held against it. */
const OURS: ReadonlySet<RejectionCause> = new Set<RejectionCause>([
  'loop-delay',
  'heap',
  'topics',
  'unready-bytes',
]);

/** Counts what clients are refused, closes those that go on with it, and bans their addresses. */
export class Offenders {
  readonly #rejections: Rejections;
  readonly #usage: UsageLimits;
  readonly #bans: Bans;
  /** Those that are shut out. What still comes of one, where another `ws` parses on, is not counted again. */
  readonly #shut = new WeakSet<ClientSession>();

  constructor(rejections: Rejections, usage: UsageLimits, bans: Bans) {
    this.#rejections = rejections;
    this.#usage = usage;
    this.#bans = bans;
  }

  /** A message was refused. Closes its connection when it is one of too many. */
  refused(session: ClientSession, cause: RejectionCause): void {
    if (this.#shut.has(session)) return;
    this.#count(session, cause);
    if (!OURS.has(cause) && !this.#usage.mayErr(session)) this.expel(session, 'abuse', CLOSE.ABUSE);
  }

  /** Closes a connection that is too late, and waits for the client's answer to that. */
  close(session: ClientSession, cause: RejectionCause, close: Close): void {
    this.#count(session, cause);
    session.connection.closeAs(close);
  }

  /** Closes a connection for what it did, if it is not being closed, whatever else it may have to say. */
  expel(session: ClientSession, cause: RejectionCause, close: Close): void {
    if (this.#shut.has(session)) return;
    this.#count(session, cause);
    session.connection.closeForGood(close);
    this.#shutOut(session, cause);
  }

  /** `ws` has closed it, with this code, for a frame that it did not take. */
  broke(session: ClientSession, cause: RejectionCause, code: number): void {
    if (this.#shut.has(session)) return;
    this.#count(session, cause);
    // The client's answer, by which `ws` would know, is not read.
    session.connection.closedAs({ code, reason: '' });
    this.#shutOut(session, cause);
  }

  #shutOut(session: ClientSession, cause: RejectionCause): void {
    const { socket, connection } = session;
    this.#shut.add(session);
    silence(socket, connection.transport);
    if (!OURS.has(cause)) this.#bans.add(connection.handshake.ip);
  }

  #count({ connection }: ClientSession, cause: RejectionCause): void {
    this.#rejections.count(cause, connection.handshake.ip);
  }
}
