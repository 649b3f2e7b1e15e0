import type { WebSocket } from 'ws';
import type { Handshake } from './handshake.js';
import type { ConnectionUser } from './user.js';

/**
 * One WebSocket client. Get it with `@CurrentConnection()` in any handler of a gateway, or from `Connections`.
 */
export abstract class Connection {
  /** 128 random bits, base64url. */
  abstract readonly id: string;
  /**
   * User of the connection: the `request.user` that a handshake guard set, or the value that the application assigned;
   * undefined where neither did. Its `id` (or `sub`) is the user's id. `FanoutUser` types it.
   */
  abstract user: ConnectionUser;
  /** The HTTP request it began with. */
  abstract readonly handshake: Handshake;
  /** Names of the topics it is subscribed to, those included whose subscribe is still being answered. */
  abstract readonly topics: ReadonlySet<string>;
  /**
   * When the peer last gave a sign of life, in milliseconds since 1970: a byte that came, or one of a large write that left.
   * While messages wait for a handler and the socket is therefore not read, the heartbeat moves it on.
   */
  abstract readonly lastSeen: number;
  /** Bytes sent to it that the kernel has not taken yet. */
  abstract readonly bufferedBytes: number;
  /**
   * Milliseconds that data takes to it, from the write to the client having read it: what the last answered ping has shown,
   * or the wait for an answer that is due. Proxies, kernels and a client that is slow to read are in it. 0 before the first.
   */
  abstract readonly lag: number;
  /** The `ws` socket, for what this class does not offer. Do not send fragments through it: publications would fall between them. */
  abstract readonly socket: WebSocket;

  /**
   * Sends `{"event":…,"data":…}` at the end of this loop turn.
   * @returns false when the connection is closing, so that nothing was sent
   * @throws FanoutError FANOUT_EVENT when `event` is no name or `data` is no JSON
   */
  abstract send(event: string, data?: unknown): boolean;

  /**
   * Subscribes it to a topic from the server's side: no `@Topic` method and no guard is asked, and no limit applies.
   * The client is told with a `subscribed` frame. Returns false when it was subscribed already or is closing.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  abstract subscribe(topic: string): boolean;

  /**
   * Ends a subscription, and with it that to the presence of the topic, and tells the client. Returns false when there
   * was neither.
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  abstract unsubscribe(topic: string): boolean;

  /**
   * Closes it after what was sent so far.
   * @param code 1000 by default
   * @throws FanoutError FANOUT_CLOSE for a code that may not be sent or a reason over 123 bytes
   */
  abstract close(code?: number, reason?: string): void;
}
