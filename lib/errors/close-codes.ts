/** What a WebSocket is closed with: a code of RFC 6455 section 7.4 and a reason of at most 123 bytes. */
export interface Close {
  readonly code: number;
  readonly reason: string;
}

/**
 * What this library closes connections with; `ws` adds 1002, 1007, 1008 and 1009 for peers that break the protocol or
 * its limits. The range tells a client what to do: 4000–4499 come back, 4500–4999 do not.
 */
export const CLOSE = {
  /** A `handleConnection` hook threw; the reason is in the server's log. */
  HOOK_FAILED: { code: 1011, reason: 'connection could not be set up' },
  /** The server is going down; the reason ends in `retry-after=<milliseconds>`. */
  SHUTDOWN: { code: 1012, reason: 'service restart' },
  /** The client took nothing for `slowConsumer.grace`, or more was unsent than the limits of `slowConsumer` allow. */
  SLOW: { code: 4001, reason: 'slow consumer' },
  /** Nothing was heard for longer than `heartbeat.timeout`; the socket is terminated, so only the server sees this. */
  HEARTBEAT: { code: 4002, reason: 'heartbeat timeout' },
  /** `handleConnection` took longer than `limits.handshake`. */
  HANDSHAKE_TIMEOUT: { code: 4008, reason: 'handshake timeout' },
  /** `Broadcaster.disconnect()` without a close of its own. */
  REMOVED: { code: 4500, reason: 'disconnected by the server' },
} as const satisfies Record<string, Close>;
