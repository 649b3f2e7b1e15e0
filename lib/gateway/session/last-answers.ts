import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { unaskedSockets } from '../../ws/http-internals.js';

/** Milliseconds between two looks for connections without a request. */
const LOOK_MS = 100;

/** The most milliseconds that a client has to complete a request when the server has been closed. */
const PATIENCE_MS = 1000;

/**
 * Ends the connections of an HTTP server that goes down, each with the answer under way. Node keeps a connection open behind
 * an answer also when the server has been closed meanwhile, and then the server lasts as long as its last connection.
 */
export class LastAnswers {
  readonly #server: Server;
  /** What the server had before. */
  #keepAliveTimeout: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(server: Server) {
    this.#server = server;
  }

  /** From now on each answer says that it is the last one of its connection. */
  begin(): void {
    this.#server.off('request', announceEnd).prependListener('request', announceEnd);
  }

  /**
   * Called before the server is closed. Requests that are answered later do not keep their connections, and
   * connections without a request are ended when the server is closed.
   * @param ms time that a client has to complete its request, if it is less than a second
   */
  closing(ms: number): void {
    if (this.#keepAliveTimeout !== undefined) return;
    const server = this.#server;
    this.#keepAliveTimeout = server.keepAliveTimeout;
    // Node adds a second for requests that are on their way. 0 would mean without an end.
    server.keepAliveTimeout = 1;
    const patient = performance.now() + Math.min(PATIENCE_MS, ms);
    this.#timer = setInterval(() => {
      if (!server.listening && performance.now() >= patient) endUnasked(server);
    }, LOOK_MS).unref();
  }

  /** Gives the server back as it was. */
  end(): void {
    this.#server.off('request', announceEnd);
    clearInterval(this.#timer);
    if (this.#keepAliveTimeout !== undefined) this.#server.keepAliveTimeout = this.#keepAliveTimeout;
    this.#keepAliveTimeout = undefined;
  }
}

function announceEnd({ httpVersionMajor }: IncomingMessage, response: ServerResponse): void {
  // HTTP/2 has no such header.
  if (httpVersionMajor === 1) response.setHeader('Connection', 'close');
}

/** Ends the connections on which nobody waits for an answer: they sent nothing, or the beginning of a request. */
function endUnasked(server: Server): void {
  for (const socket of unaskedSockets(server)) socket.destroy();
}
