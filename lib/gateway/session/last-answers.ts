import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Clock, Timer } from '../../time/clock.js';
import { unaskedSockets } from '../../ws/http-internals.js';

/** Milliseconds between two looks for connections without a request. */
const LOOK_MS = 100;

/** Most milliseconds for a client to complete a request after the server has been closed. */
const PATIENCE_MS = 1000;

/**
 * Ends the connections of an HTTP server during a shutdown, each after its current answer. Node keeps a connection open
 * after an answer even if the server has been closed, and the server stays up as long as its last connection.
 */
export class LastAnswers {
  readonly #server: Server;
  /** Value of the server before the shutdown. */
  #keepAliveTimeout: number | undefined;
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(server: Server, clock: Clock) {
    this.#server = server;
    this.#clock = clock;
  }

  /** Marks each answer from now on as the last one of its connection. */
  begin(): void {
    this.#server.off('request', announceEnd).prependListener('request', announceEnd);
  }

  /**
   * Prepares the close of the server. Connections of later answers are not kept alive, and connections without a
   * request end when the server is closed.
   * @param ms milliseconds for a client to complete its request, if less than a second
   */
  closing(ms: number): void {
    if (this.#keepAliveTimeout !== undefined) return;
    const server = this.#server;
    this.#keepAliveTimeout = server.keepAliveTimeout;
    // Node adds a second for requests under way. 0 would mean no limit.
    server.keepAliveTimeout = 1;
    this.#lookIn(Math.min(PATIENCE_MS, ms));
  }

  /** Restores the server. */
  end(): void {
    this.#server.off('request', announceEnd);
    this.#clock.clearTimeout(this.#timer);
    if (this.#keepAliveTimeout !== undefined) this.#server.keepAliveTimeout = this.#keepAliveTimeout;
    this.#keepAliveTimeout = undefined;
  }

  // Node has no event for a call of close(), and none for a request that is not complete.
  readonly #look = (): void => {
    if (!this.#server.listening) endUnasked(this.#server);
    this.#lookIn(LOOK_MS);
  };

  #lookIn(ms: number): void {
    this.#timer = this.#clock.setTimeout(this.#look, ms);
    this.#timer.unref();
  }
}

function announceEnd({ httpVersionMajor }: IncomingMessage, response: ServerResponse): void {
  // HTTP/2 has no such header.
  if (httpVersionMajor === 1) response.setHeader('Connection', 'close');
}

/** Ends the connections without a complete request. */
function endUnasked(server: Server): void {
  for (const socket of unaskedSockets(server)) socket.destroy();
}
