import type { Clock } from '../../time/clock.js';
import type { Socket } from 'node:net';
import { CLOSE, type Close } from '../../errors/close-codes.js';
import type { RejectionCause, Rejections } from '../../observe/rejections.js';
import type { Bans } from '../../limits/bans.js';
import type { ClientSession } from '../session/client-session.js';
import { silence } from '../../ws/silence.js';
import type { UsageLimits } from '../../limits/usage-limits.js';

/** Causes that are the server's fault: counted, never a reason to close or ban. */
const OURS: ReadonlySet<RejectionCause> = new Set<RejectionCause>([
  'loop-delay',
  'heap',
  'topics',
  'unready-bytes',
]);

/** Counts the refusals of clients, closes clients that continue to offend, and bans their addresses. */
export class Offenders {
  readonly #rejections: Rejections;
  readonly #usage: UsageLimits;
  readonly #bans: Bans;
  readonly #clock: Clock;
  /**
   * Clients that are already expelled. Later messages of them, in another `ws` that parses on, are not counted again.
   */
  readonly #shut = new WeakSet<ClientSession>();

  constructor(rejections: Rejections, usage: UsageLimits, bans: Bans, clock: Clock) {
    this.#rejections = rejections;
    this.#usage = usage;
    this.#bans = bans;
    this.#clock = clock;
  }

  /** Counts a refused message, and closes a connection with too many refusals. */
  refused(session: ClientSession, cause: RejectionCause): void {
    if (this.#shut.has(session)) return;
    this.#count(session, cause);
    if (!OURS.has(cause) && !this.#usage.mayOffend(session)) this.expel(session, 'abuse', CLOSE.ABUSE);
  }

  /** Closes a connection that exceeded a time, and waits for the client's answer to the close. */
  close(session: ClientSession, cause: RejectionCause, close: Close): void {
    this.#count(session, cause);
    session.connection.closeWith(close);
  }

  /** Closes a connection for an offence and ignores its further messages. Does nothing if that has already happened. */
  expel(session: ClientSession, cause: RejectionCause, close: Close): void {
    if (this.#shut.has(session)) return;
    this.#count(session, cause);
    session.connection.closeWithoutAnswer(close);
    this.#shutOut(session, cause);
  }

  /** Handles a client that `ws` has closed with `code` for an invalid frame. */
  broke(session: ClientSession, cause: RejectionCause, code: number): void {
    if (this.#shut.has(session)) return;
    this.#count(session, cause);
    // `ws` would take the code from the client's answer, but that answer is never read.
    session.connection.noteClose({ code, reason: '' });
    this.#shutOut(session, cause);
  }

  #shutOut(session: ClientSession, cause: RejectionCause): void {
    const { socket, connection } = session;
    this.#shut.add(session);
    silence(socket, connection.output as Socket, this.#clock);
    if (!OURS.has(cause)) this.#bans.add(connection.handshake.ip);
  }

  #count({ connection }: ClientSession, cause: RejectionCause): void {
    this.#rejections.count(cause, connection.handshake.ip);
  }
}
