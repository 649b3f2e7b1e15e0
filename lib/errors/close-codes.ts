/** Close of a WebSocket: a code of RFC 6455 section 7.4 and a reason of at most 123 bytes. */
export interface Close {
  readonly code: number;
  readonly reason: string;
}

/**
 * Closes sent by this library. `ws` adds 1002, 1007, 1008 and 1009 for clients that break the protocol or its limits.
 * The range tells a client what to do: 4000–4499 come back, 4500–4999 do not.
 */
export const CLOSE = {
  /** A message was not finished within `limits.messageTime`. */
  UNFINISHED: { code: 1008, reason: 'message not finished in time' },
  /** More pings than `limits.pingsPerSecond`. */
  PING_FLOOD: { code: 1008, reason: 'too many pings' },
  /** More messages were refused than `limits.rejections`. */
  ABUSE: { code: 1008, reason: 'too many refused messages' },
  /** A `handleConnection` hook threw; the reason is in the server's log. */
  HOOK_FAILED: { code: 1011, reason: 'connection could not be set up' },
  /** The server shuts down; the reason ends in `retry-after=<milliseconds>`. */
  SHUTDOWN: { code: 1012, reason: 'service restart' },
  /** The client read nothing for `slowConsumer.grace`, or more was unsent than the limits of `slowConsumer` allow. */
  SLOW: { code: 4001, reason: 'slow consumer' },
  /** Nothing was heard for longer than `heartbeat.timeout`; the socket is terminated, so only the server sees this. */
  HEARTBEAT: { code: 4002, reason: 'heartbeat timeout' },
  /** The handshake guards or `handleConnection` took longer than `limits.handshake`. */
  HANDSHAKE_TIMEOUT: { code: 4008, reason: 'handshake timeout' },
  /** The credentials of the guards have expired, and the client has not renewed them. */
  EXPIRED: { code: 4011, reason: 'credentials expired' },
  /**
   * The server has no room: `limits.connections`, `limits.loopDelay`, `limits.heap`, `limits.unreadyBytes`, or a
   * shutdown.
   */
  BUSY: { code: 4013, reason: 'server busy' },
  /** Too many connections, or too many in a second, of one address or one user. */
  RATE_LIMITED: { code: 4029, reason: 'too many connections' },
  /** A connection of this address was closed for an offence, less than `limits.banTime` ago. */
  BANNED: { code: 4030, reason: 'address banned for a while' },
  /** `Broadcaster.disconnect()` without a close of its own. */
  REMOVED: { code: 4500, reason: 'disconnected by the server' },
  /** A handshake guard answered 401: other credentials are needed. */
  UNAUTHORIZED: { code: 4501, reason: 'unauthorized' },
  /** A handshake guard answered 403, or the page is of an origin that may not connect. */
  FORBIDDEN: { code: 4503, reason: 'forbidden' },
} as const satisfies Record<string, Close>;
