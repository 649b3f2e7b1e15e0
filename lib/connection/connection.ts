import type { WebSocket } from 'ws';
import type { Handshake } from './handshake.js';
import type { ConnectionUser } from './user.js';

/** WebSocket client. Get it with `@CurrentConnection()` in any handler of a gateway, or from `Connections`. */
export abstract class Connection {
  /** Random id of 128 bits, in base64url. */
  abstract readonly id: string;
  /**
   * User of the connection: the `request.user` of a handshake guard, or the value assigned by the application;
   * undefined without either. Its `id` (or `sub`) is the user's id. `FanoutUser` types it.
   */
  abstract user: ConnectionUser;
  /** HTTP request of the handshake. */
  abstract readonly handshake: Handshake;
  /** Names of the subscribed topics, with those whose subscribe is not answered yet. */
  abstract readonly topics: ReadonlySet<string>;
  /**
   * Time of the last sign of life, in milliseconds since 1970: a byte received, or a byte of a large write sent. While
   * messages wait for a handler the socket is not read, and the heartbeat moves this time forward.
   */
  abstract readonly lastSeen: number;
  /** Bytes for the client that the kernel has not accepted yet. */
  abstract readonly bufferedBytes: number;
  /**
   * Milliseconds from a write until the client has read it: measured by the last answered ping, or the wait for an
   * answer if that is longer. Includes proxies, kernels and a client that reads slowly. 0 before the first answer.
   */
  abstract readonly lag: number;
  /**
   * The `ws` socket, for everything that this class does not offer. Do not send fragments through it: publications
   * would get between them.
   * Undefined on a connection that is no WebSocket. Today every connection is one.
   */
  abstract readonly socket: WebSocket;

  /**
   * Sends `{"event":…,"data":…}` at the end of this loop turn.
   * @returns false when the connection is closing, so that nothing was sent
   * @throws FanoutError FANOUT_EVENT when `event` is not a valid name or `data` is not JSON
   */
  abstract send(event: string, data?: unknown): boolean;

  /**
   * Subscribes the connection to a topic on behalf of the server: no `@Topic` method and no guard is asked, and no
   * limit applies. The client gets a `subscribed` frame. Returns false when the connection was already subscribed or is
   * closing.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  abstract subscribe(topic: string): boolean;

  /**
   * Ends a subscription to a topic and the one to the topic's presence, and tells the client. Returns false when there
   * was neither.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  abstract unsubscribe(topic: string): boolean;

  /**
   * Closes the connection, after everything sent so far.
   * @param code 1000 by default
   * @throws FanoutError FANOUT_CLOSE for a code that may not be sent or a reason over 123 bytes
   */
  abstract close(code?: number, reason?: string): void;
}
