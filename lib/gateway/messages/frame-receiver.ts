import type { RawData, WebSocket } from 'ws';
import type { Clock } from '../../time/clock.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { Counters } from '../../observe/counters.js';
import type { RejectionCause } from '../../observe/rejections.js';
import { dateParts } from '../admission/part-times.js';
import { type ClientSession, sessionOf } from '../session/client-session.js';
import { CountedRefusal } from '../session/counted-refusal.js';
import type { Incoming } from '../../protocol/protocol.js';
import { sizeOf } from '../session/inbound.js';
import type { MessageRouter } from './message-router.js';
import type { Offenders } from './offenders.js';
import type { UsageLimits } from '../../limits/usage-limits.js';

/**
 * Most bytes that may wait for a socket while pings are still answered. Twice the bytes of publications and replies
 * that may be under way, so that a client slightly behind does not take the server for dead.
 */
const MOST_BEFORE_PONG = 128 * 1024;

/** The collaborators of {@link FrameReceiver}. */
export interface FrameReceiverDeps {
  readonly router: MessageRouter;
  readonly usage: UsageLimits;
  readonly clock: Pick<Clock, 'wallTime'>;
  readonly offenders: Offenders;
  readonly counters: Counters;
}

/** Receives from the sockets, and checks limits before a message is parsed. */
export class FrameReceiver {
  readonly #deps: FrameReceiverDeps;
  #draining = false;

  // One function of each kind for all sockets, so that a connection costs no closures: `this` is the socket.
  readonly #onMessage: (this: WebSocket, data: RawData, isBinary: boolean) => void;
  readonly #onPing: (this: WebSocket, data: Buffer) => void;
  readonly #onPong: (this: WebSocket, data: Buffer) => void;
  readonly #onError: (this: WebSocket, error: Error) => void;

  constructor(deps: FrameReceiverDeps) {
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

  /** Listens to a socket that has a session. */
  listen(socket: WebSocket): void {
    dateParts(sessionOf(socket)!.connection);
    socket.on('message', this.#onMessage);
    socket.on('ping', this.#onPing);
    socket.on('pong', this.#onPong);
    // `ws` reports protocol errors here and then closes. Without a listener they would end the process.
    socket.on('error', this.#onError);
  }

  /** Ignores all further messages, because the server shuts down. */
  drain(): void {
    this.#draining = true;
  }

  #receive(session: ClientSession, data: RawData, isBinary: boolean): void {
    const { connection } = session;
    const now = this.#deps.clock.wallTime();
    connection.heard(now);
    const { usage, router, offenders, counters } = this.#deps;
    counters.messages++;
    const excess = usage.exceededLimit(session, sizeOf(data), now);
    if (this.#draining || !connection.open) {
      // Messages are no longer answered. But a client closed for another reason must not flood the server until it
      // disconnects.
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
    const { usage, offenders, clock } = this.#deps;
    if (!usage.mayPing(session)) return offenders.expel(session, 'pings', CLOSE.PING_FLOOD);
    if (!connection.open) return;
    connection.heard(clock.wallTime());
    // Skipped if the gateway has set `autoPong` itself.
    if (endpoint.server.options.autoPong !== undefined || connection.bufferedBytes > MOST_BEFORE_PONG) return;
    connection.socket.pong(data);
  }

  #pong(session: ClientSession, data: Buffer): void {
    const { usage, offenders, clock } = this.#deps;
    session.connection.answered(clock.wallTime());
    // Requested pongs are not limited: there are as many as our pings.
    if (session.connection.pong(data)) return;
    if (!usage.mayPong(session)) offenders.expel(session, 'pings', CLOSE.PING_FLOOD);
  }
}

/**
 * Copies a binary frame. The frame may be a view into a larger chunk, and a waiting message must not keep the chunk in
 * memory.
 */
function copied(data: RawData): Incoming {
  return Buffer.isBuffer(data) ? Buffer.from(data) : data;
}

/** Returns the cause and close code for an error of `ws` that the client provoked; undefined for any other error. */
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
      // Other errors of zlib are the server's, such as a lack of memory.
      return code.startsWith('WS_ERR_') ? { cause: 'protocol', code: 1002 } : undefined;
  }
}
