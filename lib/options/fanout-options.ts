import type { IncomingMessage } from 'node:http';
import type { HeartbeatPolicy } from '../heartbeat/heartbeat-monitor.js';
import type { SlowPolicy } from '../topic/topic-policy.js';

/** Timing of flushes. Adaptive by default; `window` replaces that by a fixed interval. */
export type FlushOptions = FlushLimits & (AdaptiveFlush | FixedFlush);

export interface FlushLimits {
  /** Bytes of pending payload on one topic that start a flush at once. 0 flushes every turn. @default 65536 */
  maxBytes?: number;
  /** Milliseconds of writing before the event loop turns. A flush that waited longer takes as long, up to four times this. @default 8 */
  slice?: number;
}

export interface AdaptiveFlush {
  /** Most milliseconds that a publication waits under load; without load, until the end of the loop turn. 0 never waits. @default 50 */
  maxDelay?: number;
  /** Share of the event loop for flushing, above 0 and up to 1. Beyond it batches grow instead. @default 0.5 */
  utilisation?: number;
  window?: undefined;
}

export interface FixedFlush {
  /** Milliseconds between two flushes, with or without load. Excludes `maxDelay` and `utilisation`. No default. */
  window: number;
  maxDelay?: undefined;
  utilisation?: undefined;
}

/** Limits for connections that do not keep up. */
export interface SlowConsumerOptions {
  /**
   * Bytes of a topic, beyond its history, kept for subscribers that are behind. Beyond this, the policy of the topic decides.
   * Also the bytes of answers that a client may leave unread before its next message waits.
   * @default 1048576
   */
  maxBytes?: number;
  /**
   * Milliseconds without progress after which a connection that is behind, or whose answers wait, is closed with
   * `CLOSE.SLOW`. Progress is any byte sent by its socket or acknowledged by its client. @default 15000
   */
  grace?: number;
  /**
   * Milliseconds from `publish()` until a slow client has read a publication, through any proxy. The bytes under way to a
   * client are limited to what it reads in half of this time, measured by its answers to pings. A publication that would
   * arrive later counts as too far behind, and the policy of the topic decides. 0 sets no limit. @default 5000
   */
  lag?: number;
  /**
   * Bytes that this process may keep only for connections that are behind, each batch counted once. Beyond this, the
   * connection with the most bytes is terminated first. @default a quarter of the heap limit
   */
  budget?: number;
  /**
   * Treatment of a subscriber that is further behind than `maxBytes`, on topics without a `slow` of their own: `catch-up`
   * continues at the oldest publication that is kept, after a `gap`; `gap` continues at the newest, with the snapshot if the
   * topic has one; `disconnect` closes with `CLOSE.SLOW`. @default 'catch-up'
   */
  policy?: Exclude<SlowPolicy, 'conflate'>;
}

/** Limits for the histories of all topics together. The size of one topic's history is an option of its `@Topic`. */
export interface HistoryOptions {
  /**
   * Bytes of all histories in this process. Beyond this, topics without subscribers are dropped first. After that, a topic
   * that publishes drops its oldest publications. @default a quarter of the heap limit
   */
  budget?: number;
  /**
   * Connections that recover at the same time. Further returning connections wait for a turn, in the order of their return. A
   * connection that is not done after a second gives up its turn, and recovers as a slow reader. @default 256
   */
  recoveries?: number;
}

/** Compression of publications, for clients that accept permessage-deflate. */
export interface CompressionOptions {
  /** Least bytes of a message to compress. 0 compresses all. @default 512 */
  threshold?: number;
  /** Compression level from 1 (fastest) to 9 (smallest), as in zlib. @default 6 */
  level?: number;
}

/** Limits on clients. Each limit has a cause in {@link FanoutMetrics.rejected} that counts its refusals. */
export interface LimitOptions {
  /**
   * Most open connections of this process, with those in their handshake. Further upgrades are answered 503. @default 50000
   */
  connections?: number;
  /**
   * Most open connections of one client address: an IPv4 address or an IPv6 /64. Further ones are answered 429. 0 is no
   * limit. @default 0
   */
  connectionsPerIp?: number;
  /**
   * Most open connections of one user, by the id of `connection.user`. Further ones are answered 429. 0 is no limit.
   * @default 0
   */
  connectionsPerUser?: number;
  /**
   * New connections a second of this process, and twice as many at once. Further ones are answered 503. 0 is no limit.
   * @default 0
   */
  connectionsPerSecond?: number;
  /**
   * New connections a second of one client address, and twice as many at once. Further ones are answered 429. 0 is no limit.
   * @default 0
   */
  connectionsPerSecondPerIp?: number;
  /** Most bytes of one message from a client. A larger one closes with 1009. @default 65536 */
  payload?: number;
  /**
   * Most bytes of JSON of one published payload. A larger one is refused with `FANOUT_PAYLOAD_SIZE`, and nothing is
   * published.
   * @default the value of slowConsumer.maxBytes
   */
  publication?: number;
  /** Most fragments of one message from a client. More close with 1008. @default 64 */
  fragments?: number;
  /**
   * Most pieces in which an unfinished frame may arrive. More close with 1008. @default one for each 64 bytes of `payload`,
   * at least 1024
   */
  bufferedChunks?: number;
  /**
   * Milliseconds from the first byte of a message to its last. A slower message closes with `CLOSE.UNFINISHED`. 0 is no
   * limit. @default 15000
   */
  messageTime?: number;
  /** Most topics that a client may subscribe one connection to. @default 128 */
  topicsPerConnection?: number;
  /**
   * Topics of this process up to which clients may create new ones. Beyond this, subscribes to new topics are answered
   * `BUSY`. @default 250000
   */
  topics?: number;
  /**
   * Topics a second that one connection may ask for, and at once twice as many or twice `topicsPerConnection`. Further ones
   * are answered `RATE_LIMITED`. 0 is no limit. @default 100
   */
  subscribesPerSecond?: number;
  /** Messages a second of one connection. Further ones are answered `RATE_LIMITED`. 0 is no limit. @default 100 */
  messagesPerSecond?: number;
  /** Messages that may come at once before `messagesPerSecond` counts. @default twice messagesPerSecond */
  burst?: number;
  /**
   * Bytes of messages a second of one connection, and at once twice as many or twice `payload`. Further messages are answered
   * `RATE_LIMITED`. 0 is no limit. @default 1048576
   */
  bytesPerSecond?: number;
  /**
   * Most streams that may answer one connection at the same time. A message for one more is answered `TOO_MANY_STREAMS`.
   * @default 128
   */
  streams?: number;
  /**
   * Most messages of one connection that are handled at the same time. Above 1, answers may come in another order.
   * @default 1
   */
  inFlight?: number;
  /**
   * Bytes of messages that wait for their connection to be ready. Up to half of it may belong to disconnected clients. Beyond
   * this, a client above its share that sends more is closed with `CLOSE.BUSY`, and messages of disconnected clients are
   * dropped. @default 16777216
   */
  unreadyBytes?: number;
  /**
   * Pings a second of one connection, and twice as many at once. A pong counts as a fiftieth of a ping. More close with
   * `CLOSE.PING_FLOOD`. 0 is no limit. @default 10
   */
  pingsPerSecond?: number;
  /**
   * Refused messages a minute of one connection, and as many at once. More close with `CLOSE.ABUSE`. 0 is no limit.
   * @default 1000
   */
  rejections?: number;
  /**
   * Milliseconds of a ban for a client address whose connection was closed for an offence: a broken or too large frame, an
   * unfinished message, a flood of pings or of refused messages. Its upgrades are answered 429; its other connections stay. 0
   * turns bans off. @default 0
   */
  banTime?: number;
  /** Milliseconds for the handshake guards, and then for every `handleConnection`, before the client is refused. @default 5000 */
  handshake?: number;
  /** Milliseconds of event loop delay above which new connections and subscriptions are refused, until half of it. @default 500 */
  loopDelay?: number;
  /** Share of the heap limit above which new connections and subscriptions are refused. 0 is no limit. @default 0.9 */
  heap?: number;
}

/**
 * Decides whether a page of this origin may connect. The origin is undefined if the client sent no `Origin`; browsers always
 * send it.
 */
export type OriginPolicy = (
  origin: string | undefined,
  request: IncomingMessage,
) => boolean | Promise<boolean>;

/** Storage and validity of the HTTP request. */
export interface HandshakeOptions {
  /** Names of the headers that stay readable after the connection is ready. @default [] */
  keep?: readonly string[];
  /**
   * Milliseconds before `expiresAt` of a handshake guard at which the client is asked to renew. 0 never asks. @default 30000
   */
  renewBefore?: number;
}

/** Checks of publications. */
export interface PublishingOptions {
  /**
   * Check of publications without a subscriber. Unchecked, a payload that cannot be sent is an error only with the first
   * subscriber. `always` checks; `development` checks unless `NODE_ENV` is `production`; `listeners` does not check.
   * @default 'development'
   */
  check?: 'development' | 'always' | 'listeners';
}

/** Behaviour at shutdown. */
export interface ShutdownOptions {
  /** Milliseconds for publications to be sent, for clients to close and for handlers to end. @default 5000 */
  drain?: number;
}

/** Options of `FanoutModule.forRoot()`. Every part is optional; an unknown name is refused. */
export interface FanoutOptions {
  flush?: FlushOptions;
  /**
   * Heartbeat: pings after every `interval` ms of silence, and terminates after `timeout` ms. false turns the heartbeat off.
   * @default { interval: 10000, timeout: 30000 }
   */
  heartbeat?: Partial<HeartbeatPolicy> | false;
  slowConsumer?: SlowConsumerOptions;
  history?: HistoryOptions;
  /**
   * Compression of publications, each batch once for all clients that accept it; true takes the defaults.
   * @default false
   */
  compression?: boolean | CompressionOptions;
  limits?: LimitOptions;
  /**
   * Origins of pages that may connect: `'same'` for the origin of the requested host, a list of origins such as
   * `https://app.example.com` (and `null` for pages without one, `file://` for pages from files), or a function. Clients that
   * send no `Origin` are not browsers, and only a function can refuse them. @default 'same' for requests with cookies or
   * other credentials, any origin without
   */
  origins?: 'same' | readonly string[] | OriginPolicy;
  /**
   * Proxies whose headers are trusted for the address of a client: their number, or their networks (`10.0.0.0/8`, `::1`). 0
   * trusts none. @default 0
   */
  trustProxy?: number | readonly string[];
  /**
   * Handling of upgrades to a path without a gateway: `ignore` leaves them to other listeners of the HTTP server, and answers
   * 404 if there are none; `refuse` always answers 404. During a shutdown both answer 503. @default 'ignore'
   */
  unmatched?: 'ignore' | 'refuse';
  /**
   * Scope of the application's global guards and interceptors. With `messages` they run for each message and subscribe, in a
   * context of type `ws`. With `handshake` they run for each upgrade request, in a context of type `http`, before the
   * handshake guards of the gateway, and again when a client renews its credentials; messages then have only the guards and
   * interceptors of class and method. Global pipes apply to messages in both cases.
   * @default 'messages'
   */
  globalEnhancers?: 'messages' | 'handshake';
  handshake?: HandshakeOptions;
  publishing?: PublishingOptions;
  shutdown?: ShutdownOptions;
}

/** Options with every default in place, frozen. */
export interface ResolvedFanoutOptions {
  readonly flush: {
    readonly maxDelay: number;
    readonly maxBytes: number;
    readonly utilisation: number;
    readonly slice: number;
    readonly window: number | undefined;
  };
  readonly heartbeat: HeartbeatPolicy | false;
  readonly slowConsumer: Readonly<Required<SlowConsumerOptions>>;
  readonly history: Readonly<Required<HistoryOptions>>;
  readonly compression: false | Readonly<Required<CompressionOptions>>;
  readonly limits: Readonly<Required<LimitOptions>>;
  /**
   * Allowed origins; undefined is `'same'` for requests with credentials. Origins in a list are written as browsers write
   * them.
   */
  readonly origins: 'same' | readonly string[] | OriginPolicy | undefined;
  readonly trustProxy: number | readonly string[];
  readonly unmatched: 'ignore' | 'refuse';
  readonly globalEnhancers: 'messages' | 'handshake';
  readonly handshake: { readonly keep: readonly string[]; readonly renewBefore: number };
  readonly publishing: Readonly<Required<PublishingOptions>>;
  readonly shutdown: { readonly drain: number };
}
