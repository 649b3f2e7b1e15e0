import { Sample } from './sample.js';

/** Why an upgrade, a message or a connection was refused, with what the log says of it. Causes are append-only. */
export const REJECTION_CAUSES = {
  path: 'upgrade to a path without a gateway',
  request: 'upgrade request that is none',
  origin: 'upgrade from an origin that may not connect (option "origins")',
  unauthorized: 'upgrade that a handshake guard answered 401',
  forbidden: 'upgrade that a handshake guard answered 403',
  guard:
    'upgrade that a handshake guard refused otherwise, or at which a guard, origins or verifyClient failed',
  'handshake-time': 'handshake that took longer than limits.handshake',
  connections: 'upgrade above limits.connections',
  'connections-per-ip': 'upgrade above limits.connectionsPerIp',
  'connections-per-user': 'connection above limits.connectionsPerUser',
  'connection-rate': 'upgrade above limits.connectionsPerSecond',
  'connection-rate-per-ip': 'upgrade above limits.connectionsPerSecondPerIp',
  banned: 'upgrade of an address that is banned (limits.banTime)',
  'loop-delay': 'upgrade or subscription refused because the event loop lags (limits.loopDelay)',
  heap: 'upgrade or subscription refused because the heap is full (limits.heap)',
  shutdown: 'upgrade during the shutdown',
  protocol: 'frame that breaks the WebSocket protocol',
  payload: 'message above limits.payload',
  fragments: 'message above limits.fragments or limits.bufferedChunks',
  'message-time': 'message that was not finished within limits.messageTime',
  pings: 'ping (or pong) above limits.pingsPerSecond',
  'unready-bytes': 'message above limits.unreadyBytes',
  'waiting-bytes': 'message of a client with too many bytes in messages that wait for its handlers',
  streams: 'message that would start one more stream of replies than limits.streams',
  'message-rate': 'message above limits.messagesPerSecond',
  'byte-rate': 'message above limits.bytesPerSecond',
  'subscribe-rate': 'subscribe above limits.subscribesPerSecond',
  'refresh-rate': 'refresh above one a second, after ten at once',
  topics: 'subscribe above limits.topics',
  'topics-per-connection': 'subscribe above limits.topicsPerConnection',
  message: 'message that is no request, or names no handler',
  topic: 'subscribe to a topic that does not exist',
  denied: 'message that a guard refused',
  abuse: 'connection closed for more refused messages than limits.rejections',
  expired: 'credentials whose expiresAt, in milliseconds since 1970, is over',
  start: 'upgrade before the application has started',
} as const;

/** A cause in {@link REJECTION_CAUSES}. */
export type RejectionCause = keyof typeof REJECTION_CAUSES;

/** Log for the sampled lines. */
export interface RejectionLog {
  warn(line: string): void;
}

/** Counts what is refused by cause, and logs the first few of each cause and minute. */
export class Rejections {
  readonly #counts = new Map<RejectionCause, number>();
  readonly #samples = new Map<RejectionCause, Sample>();
  readonly #now: () => number;
  readonly #log: RejectionLog;

  /** @param now milliseconds of any clock that does not go back */
  constructor(now: () => number, log: RejectionLog) {
    this.#now = now;
    this.#log = log;
  }

  /** Number of refusals since the start, by cause; 0 for causes without any. */
  get counts(): Readonly<Record<RejectionCause, number>> {
    const causes = Object.keys(REJECTION_CAUSES) as RejectionCause[];
    return Object.fromEntries(causes.map(cause => [cause, this.#counts.get(cause) ?? 0])) as Record<
      RejectionCause,
      number
    >;
  }

  /** @param ip the address of the client, for the log: nothing that the client wrote is in it */
  count(cause: RejectionCause, ip: string): void {
    this.#counts.set(cause, (this.#counts.get(cause) ?? 0) + 1);
    const sample = this.#sampleOf(cause);
    if (!sample.take()) return;
    const last = sample.full ? '; more of this minute are only counted' : '';
    this.#log.warn(`refused client ${ip}: ${REJECTION_CAUSES[cause]}${last}`);
  }

  #sampleOf(cause: RejectionCause): Sample {
    const now = this.#now();
    const sample = this.#samples.get(cause);
    if (sample?.isOver(now) === false) return sample;
    if (sample !== undefined && sample.silent > 0) {
      this.#log.warn(`refused ${sample.silent} more that were not logged: ${REJECTION_CAUSES[cause]}`);
    }
    const fresh = new Sample(now);
    this.#samples.set(cause, fresh);
    return fresh;
  }
}
