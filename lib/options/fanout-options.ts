import type { IncomingMessage } from 'node:http';
import type { HeartbeatPolicy } from '../heartbeat/heartbeat-monitor.js';
import type { SlowPolicy } from '../topic/topic-policy.js';

/** When publications leave. Adaptive by default; `window` replaces that by a fixed rhythm. */
export type FlushOptions = FlushLimits & (AdaptiveFlush | FixedFlush);

export interface FlushLimits {
  /** Bytes of payload pending on one topic that make it flush without waiting. 0 flushes every turn. @default 65536 */
  maxBytes?: number;
  /**
   * Milliseconds of writing after which a flush lets the event loop turn before it goes on. A flush that was kept waiting
   * for longer takes as much, up to four times this value. @default 8
   */
  slice?: number;
}

export interface AdaptiveFlush {
  /**
   * Most milliseconds a publication waits under load; without load it waits for the end of the loop turn.
   * 0 flushes every turn, whatever it costs. @default 50
   */
  maxDelay?: number;
  /** Share of the event loop that flushing may take before batches grow instead, above 0 and up to 1. @default 0.5 */
  utilisation?: number;
  window?: undefined;
}

export interface FixedFlush {
  /** Milliseconds that publications gather before each flush, load or not. Excludes `maxDelay` and `utilisation`. No default. */
  window: number;
  maxDelay?: undefined;
  utilisation?: undefined;
}

/** What connections that cannot keep up may cost, and what becomes of them. */
export interface SlowConsumerOptions {
  /**
   * Bytes of a topic, beyond its history, that are kept for subscribers that are behind; further behind, the policy of
   * the topic decides. Also the bytes of answers that a client may leave unread before its next message waits.
   * @default 1048576
   */
  maxBytes?: number;
  /**
   * Milliseconds after which a connection that is behind, or whose answers wait, is closed with `CLOSE.SLOW` when its
   * socket took nothing at all in that time and its client acknowledged nothing; one that reads now and then is never
   * closed for it. @default 15000
   */
  grace?: number;
  /**
   * Milliseconds that publications may take to a client that is slow, from `publish()` to the client having read them, through
   * any proxy. What is under way to a client is bounded to what it reads in half of this time, as its answers to pings
   * show; what would come later than this time counts as too far behind, and the policy of the topic decides. 0 bounds
   * nothing. @default 5000
   */
  lag?: number;
  /**
   * Bytes that this process may keep only because connections are behind, each batch counted once. Above it, the
   * connection with the most of them is terminated first. @default a quarter of the heap limit
   */
  budget?: number;
  /**
   * What becomes of a subscriber that is further behind than `maxBytes`, on topics without a `slow` of their own:
   * `catch-up` goes on at the oldest publication that is kept, after a `gap`; `gap` goes on at the newest, with the
   * snapshot if the topic has one; `disconnect` closes with `CLOSE.SLOW`. @default 'catch-up'
   */
  policy?: Exclude<SlowPolicy, 'conflate'>;
}

/** What the histories of all topics may cost together; how much one topic keeps, its `@Topic` says. */
export interface HistoryOptions {
  /**
   * Bytes that all histories of this process may take. Above it topics that nobody is subscribed to are forgotten
   * first, then a topic that publishes forgets its oldest. @default a quarter of the heap limit
   */
  budget?: number;
  /**
   * Connections that are given what they missed at the same time; who comes back when there are so many waits for its
   * turn, in the order of coming. Who has not read it after a second lets the next one have its turn. @default 256
   */
  recoveries?: number;
}

/** How publications are compressed, for clients that agree to permessage-deflate. */
export interface CompressionOptions {
  /** Bytes of a message below which it is sent as it is. 0 tries them all. @default 512 */
  threshold?: number;
  /** How hard to try, from 1 (fastest) to 9 (smallest), as in zlib. @default 6 */
  level?: number;
}

/** What clients may do. Each limit has a cause in {@link FanoutMetrics.rejected} that counts what it refused. */
export interface LimitOptions {
  /** Open connections of this process, those included whose handshake is under way; further upgrades are answered 503. @default 50000 */
  connections?: number;
  /** Open connections of one client address: an IPv4 address or an IPv6 /64. More are answered 429. 0 is no limit. @default 0 */
  connectionsPerIp?: number;
  /** Open connections of one user, by the id of `connection.user`. More are answered 429. 0 is no limit. @default 0 */
  connectionsPerUser?: number;
  /** New connections a second of this process, and twice as many at once; more are answered 503. 0 is no limit. @default 0 */
  connectionsPerSecond?: number;
  /** New connections a second of one client address, and twice as many at once; more are answered 429. 0 is no limit. @default 0 */
  connectionsPerSecondPerIp?: number;
  /** Bytes of one message from a client; more closes with 1009. @default 65536 */
  payload?: number;
  /**
   * Bytes of JSON of one published payload. A larger one is refused with `FANOUT_PAYLOAD_SIZE`, and nothing is published.
   * @default the value of slowConsumer.maxBytes
   */
  publication?: number;
  /** Fragments of one message from a client; more closes with 1008. @default 64 */
  fragments?: number;
  /** Pieces that an unfinished frame may have come in; more closes with 1008. @default one for each 64 bytes of `payload`, at least 1024 */
  bufferedChunks?: number;
  /** Milliseconds from the first byte of a message to its last; more closes with `CLOSE.UNFINISHED`. 0 is no limit. @default 15000 */
  messageTime?: number;
  /** Topics one connection may be subscribed to by its own wish. @default 128 */
  topicsPerConnection?: number;
  /** Topics of this process that a client's subscribe may add to; beyond, new ones are answered `BUSY`. @default 250000 */
  topics?: number;
  /**
   * Topics a second that one connection may ask for, and at once twice as many or twice `topicsPerConnection`; what goes
   * over is answered `RATE_LIMITED`. 0 is no limit. @default 100
   */
  subscribesPerSecond?: number;
  /** Messages a second that are handled for one connection; what goes over is answered `RATE_LIMITED`. 0 is no limit. @default 100 */
  messagesPerSecond?: number;
  /** Messages that may come at once before `messagesPerSecond` counts. @default twice messagesPerSecond */
  burst?: number;
  /**
   * Bytes of messages a second that are handled for one connection, and at once twice as many or twice `payload`; what
   * goes over is answered `RATE_LIMITED`. 0 is no limit. @default 1048576
   */
  bytesPerSecond?: number;
  /** Streams that may answer one connection at the same time; a message that would start one more is answered `TOO_MANY_STREAMS`. @default 128 */
  streams?: number;
  /** Messages of one connection that are handled at the same time; above 1, answers may come in another order. @default 1 */
  inFlight?: number;
  /** Bytes of messages that wait in this process for their connection to be ready, or, up to half of it, whose client has gone; above, who has more than its share and sends more is closed with `CLOSE.BUSY`, and what was left behind is not handled. @default 16777216 */
  unreadyBytes?: number;
  /**
   * Pings a second of one connection, and twice as many at once, a pong being a fiftieth of a ping; more closes with
   * `CLOSE.PING_FLOOD`. 0 is no limit. @default 10
   */
  pingsPerSecond?: number;
  /** Refused messages a minute of one connection, and as many at once; more closes with `CLOSE.ABUSE`. 0 is no limit. @default 1000 */
  rejections?: number;
  /**
   * Milliseconds that the address of a client is banned for when its connection was closed for what it did: a broken or
   * too large frame, a message that was not finished, a flood of pings or of refused messages. Its upgrades are
   * answered 429; its other connections stay. 0 bans nobody. @default 0
   */
  banTime?: number;
  /** Milliseconds that the handshake guards, and then every `handleConnection` of a path, have before the client is refused. @default 5000 */
  handshake?: number;
  /**
   * Milliseconds that the event loop may lag behind before new connections are answered 503 and new subscriptions
   * `BUSY`, until it lags half as much. 0 is no limit. @default 500
   */
  loopDelay?: number;
  /**
   * Share of the heap limit that may be in use before new connections are answered 503 and new subscriptions `BUSY`.
   * 0 is no limit. @default 0.9
   */
  heap?: number;
}

/** Says whether a page of this origin may connect; undefined when the client sent no `Origin`, as browsers always do. */
export type OriginPolicy = (
  origin: string | undefined,
  request: IncomingMessage,
) => boolean | Promise<boolean>;

/** What is kept of the HTTP request, and how long it is valid. */
export interface HandshakeOptions {
  /** Names of the headers that stay readable after the connection is ready. @default [] */
  keep?: readonly string[];
  /** Milliseconds before `expiresAt` of a handshake guard at which the client is asked to renew. 0 never asks. @default 30000 */
  renewBefore?: number;
}

/** How publications are checked. */
export interface PublishingOptions {
  /**
   * Whether a publication that reaches nobody is checked like any other. Without the check, a payload that cannot be sent is an
   * error only with the first subscriber. `always` checks; `development` checks unless `NODE_ENV` is `production`;
   * `listeners` does not check. @default 'development'
   */
  check?: 'development' | 'always' | 'listeners';
}

/** How the server goes down. */
export interface ShutdownOptions {
  /** Milliseconds for what was published to be sent, for clients to close and for handlers to end. @default 5000 */
  drain?: number;
}

/** What `FanoutModule.forRoot()` takes. Every part is optional; an unknown name is refused. */
export interface FanoutOptions {
  flush?: FlushOptions;
  /**
   * Pings in every `interval` ms of silence and terminates after `timeout` ms of it; false turns the heartbeat off.
   * @default { interval: 10000, timeout: 30000 }
   */
  heartbeat?: Partial<HeartbeatPolicy> | false;
  slowConsumer?: SlowConsumerOptions;
  history?: HistoryOptions;
  /**
   * Compresses publications, each batch once for all clients that agree to it; true takes the defaults.
   * @default false
   */
  compression?: boolean | CompressionOptions;
  limits?: LimitOptions;
  /**
   * Whose pages may connect: `'same'` for those of the requested host, a list of origins such as
   * `https://app.example.com` (and `null` for pages without one, `file://` for pages from files), or a function. Clients that send no `Origin` are no
   * browsers, and only a function refuses them. @default 'same' for requests with cookies or other credentials, any origin without
   */
  origins?: 'same' | readonly string[] | OriginPolicy;
  /**
   * Whose word about the address of a client counts: how many proxies are in front, or the networks they are in
   * (`10.0.0.0/8`, `::1`). 0 believes nobody's. @default 0
   */
  trustProxy?: number | readonly string[];
  /**
   * Upgrades to a path without a gateway: `ignore` leaves them to other listeners of the HTTP server, and answers 404
   * where there are none; `refuse` always answers 404.
   * During a shutdown both answer 503. @default 'ignore'
   */
  unmatched?: 'ignore' | 'refuse';
  /**
   * Where the global guards and interceptors of the application apply: `messages` asks them about each message and
   * subscribe, in a context of type `ws`; `handshake` asks them about each upgrade request, in a context of type `http`,
   * before the handshake guards of the gateway, and again when a client renews its credentials. With `handshake` messages
   * have only the guards and interceptors of class and method. Global pipes apply to messages in both cases.
   * @default 'messages'
   */
  globalEnhancers?: 'messages' | 'handshake';
  handshake?: HandshakeOptions;
  publishing?: PublishingOptions;
  shutdown?: ShutdownOptions;
}

/** The options with every default in place, frozen. */
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
  /** Undefined is `'same'` for requests with credentials. Origins in a list are as browsers write them. */
  readonly origins: 'same' | readonly string[] | OriginPolicy | undefined;
  readonly trustProxy: number | readonly string[];
  readonly unmatched: 'ignore' | 'refuse';
  readonly globalEnhancers: 'messages' | 'handshake';
  readonly handshake: { readonly keep: readonly string[]; readonly renewBefore: number };
  readonly publishing: Readonly<Required<PublishingOptions>>;
  readonly shutdown: { readonly drain: number };
}
