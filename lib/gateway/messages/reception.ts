import type { RawData, WebSocket } from 'ws';
import { wallTime } from '../../connection/wall-time.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { Counters } from '../../observe/counters.js';
import type { RejectionCause } from '../../observe/rejections.js';
import { dateParts } from '../admission/arrivals.js';
import { type ClientSession, sessionOf } from '../session/client-session.js';
import { CountedRefusal } from '../session/counted-refusal.js';
import { type Incoming, sizeOf } from '../session/inbound.js';
import type { MessageRouter } from './message-router.js';
import type { Offenders } from './offenders.js';
import type { UsageLimits } from '../../limits/usage-limits.js';

/**
 * Bytes that may wait for a socket before pings are not answered any more: twice what publications and replies in flight
 * may be, so that a client that is a little behind does not take us for dead.
 */
const MOST_BEFORE_PONG = 128 * 1024;

/** The collaborators of {@link Reception}. */
export interface ReceptionDeps {
  readonly router: MessageRouter;
  readonly usage: UsageLimits;
  readonly offenders: Offenders;
  readonly counters: Counters;
}

/** What comes in from the sockets: bounded before anything is made of it. */
export class Reception {
  readonly #deps: ReceptionDeps;
  #draining = false;

  // One function of each for all sockets, so that a connection costs no closures: `this` is the socket.
  readonly #onMessage: (this: WebSocket, data: RawData, isBinary: boolean) => void;
  readonly #onPing: (this: WebSocket, data: Buffer) => void;
  readonly #onPong: (this: WebSocket, data: Buffer) => void;
  readonly #onError: (this: WebSocket, error: Error) => void;

  constructor(deps: ReceptionDeps) {
    this.#deps = deps;
    const receive = this.#receive.bind(this);
    this.#onMessage = function (data, isBinary) {
      receive(sessionOf(this)!, data, isBinary);
    };
    const ping = this.#ping.bind(this);
    this.#onPing = function (data) {
      ping(sessionOf(this)!, data);
    };
    const pong = this.#pong.bind(this);
    this.#onPong = function (data) {
      pong(sessionOf(this)!, data);
    };
    const { offenders } = deps;
    this.#onError = function (error) {
      const breach = breachOf(error);
      if (breach !== undefined) offenders.broke(sessionOf(this)!, breach.cause, breach.code);
    };
  }

  /** Listens to a socket that has its session. */
  listen(socket: WebSocket): void {
    dateParts(sessionOf(socket)!.connection);
    socket.on('message', this.#onMessage);
    socket.on('ping', this.#onPing);
    socket.on('pong', this.#onPong);
    // `ws` reports protocol errors here and then closes; without a listener they would end the process.
    socket.on('error', this.#onError);
  }

  /** From now on no further message is taken: the server goes down. */
  drain(): void {
    this.#draining = true;
  }

  #receive(session: ClientSession, data: RawData, isBinary: boolean): void {
    const { connection } = session;
    const now = wallTime();
    connection.heard(now);
    const { usage, router, offenders, counters } = this.#deps;
    counters.messages++;
    const excess = usage.refusalOf(session, sizeOf(data), now);
    if (this.#draining || !connection.open) {
      // Nobody is answered any more. But who has been closed for something else may not flood us until it has gone.
      if (excess !== undefined) offenders.refused(session, excess);
      return;
    }
    const cause = excess ?? session.inbound.receive(isBinary ? copied(data) : String(data));
    if (cause === undefined) return;
    if (cause === 'unready-bytes') offenders.expel(session, cause, CLOSE.BUSY);
    else router.refuse(session, new CountedRefusal('RATE_LIMITED', cause));
  }

  #ping(session: ClientSession, data: Buffer): void {
    const { connection, endpoint } = session;
    const { usage, offenders } = this.#deps;
    if (!usage.mayPing(session)) return offenders.expel(session, 'pings', CLOSE.PING_FLOOD);
    if (!connection.open) return;
    connection.heard(wallTime());
    // Not of a gateway that has said itself whether `ws` answers.
    if (endpoint.server.options.autoPong !== undefined || connection.bufferedBytes > MOST_BEFORE_PONG) return;
    connection.socket.pong(data);
  }

  #pong(session: ClientSession, data: Buffer): void {
    const { usage, offenders } = this.#deps;
    session.connection.answered(wallTime());
    // Those that were asked for are as many as our pings.
    if (session.connection.pong(data)) return;
    if (!usage.mayPong(session)) offenders.expel(session, 'pings', CLOSE.PING_FLOOD);
  }
}

/** Binary frames may be views into the chunk they came in, which a waiting message must not keep alive. */
function copied(data: RawData): Incoming {
  return Buffer.isBuffer(data) ? Buffer.from(data) : data;
}

/** What a client did to bring about an error of `ws`, and what `ws` closes it with; undefined for what is not its fault. */
function breachOf({ code = '' }: NodeJS.ErrnoException): { cause: RejectionCause; code: number } | undefined {
  switch (code) {
    case 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH':
    case 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH':
      return { cause: 'payload', code: 1009 };
    case 'WS_ERR_TOO_MANY_BUFFERED_PARTS':
      return { cause: 'fragments', code: 1008 };
    case 'WS_ERR_INVALID_UTF8':
    case 'Z_DATA_ERROR':
    case 'Z_BUF_ERROR':
    case 'Z_NEED_DICT':
      return { cause: 'protocol', code: 1007 };
    default:
      // Others of zlib are ours, such as memory that has run out.
      return code.startsWith('WS_ERR_') ? { cause: 'protocol', code: 1002 } : undefined;
  }
}
