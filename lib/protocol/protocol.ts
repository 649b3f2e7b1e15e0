import type { RawData } from 'ws';
import type { Close } from '../errors/close-codes.js';
import type { RefusalCode } from '../errors/refusals.js';
import type { Gap } from '../wire/log-entry.js';
import type { Origin, WireFormat } from '../wire/wire-format.js';
import type { MessageId } from './frames.js';

/** Message as it arrived: text as a string, binary data as given by `ws`. */
export type Incoming = string | RawData;

/** Message to a client: text becomes a text frame, bytes become a binary frame. */
export type Outgoing = string | Uint8Array;

/**
 * Parser for `FanoutAdapter.setMessageParser()`: turns a frame into a message. Returning undefined or null drops the
 * frame.
 */
export type MessageParser = (
  data: Incoming,
) => { event: string; id?: MessageId | null; data?: unknown } | null | void;

/** Part of a client's request that its answer needs. */
export interface Request {
  /** Event of the application for the request; undefined for a request without a handler. */
  readonly event: string | undefined;
  readonly id: MessageId | undefined;
}

/**
 * Request of a client in the form of this library. `call` is for a handler of the application. The other kinds are for
 * the library, unless the application has a handler for `event`. `data` has the form of docs/protocol.md for that
 * event, in every protocol.
 */
export interface Command extends Request {
  readonly kind: 'call' | 'subscribe' | 'unsubscribe' | 'refresh' | 'cancel' | 'ping';
  readonly data: unknown;
}

/** Answer to a subscribe. */
export interface Subscribed {
  readonly id: MessageId | undefined;
  readonly topic: Origin;
  /** Offset of the subscription: all later publications follow. */
  readonly offset: number;
  /** True if nothing was lost since the requested position; undefined if the client gave none. */
  readonly recovered: boolean | undefined;
  /** Rate class in flushes a second; undefined if the client asked for none. */
  readonly maxRate: number | undefined;
  /** Result of the topic's method; undefined if there is none. */
  readonly snapshot: unknown;
}

/** Causes of the end of a subscription that clients are told about. */
export type EndReason = 'unsubscribed' | 'removed' | 'revoked' | 'lost';

/** Answer to a failed request. */
export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
  readonly topic?: string | undefined;
  /** Details of an exception of the application, as JSON of a limited size. */
  readonly details?: { readonly json: string | undefined; readonly truncated: boolean } | undefined;
}

/** Close in the terms of a protocol. */
export interface Closing {
  readonly close: Close;
  /** Message before the close frame, if the protocol has one. */
  readonly message: Outgoing | undefined;
}

/**
 * Language of a connection: reads the client's messages, and writes messages to the client. One object serves all
 * connections of the same kind. Each encoder is called once for a frame, and returns undefined if the protocol has no
 * such frame. {@link format} writes publications and gaps, once for all connections of a topic.
 */
export interface Protocol {
  /** Name for logs and errors. */
  readonly name: string;
  /** Subprotocols of the handshake that select this protocol, the best first. */
  readonly subprotocols: readonly string[];
  /** True if a refused client is admitted and then closed with a code, because it cannot read an HTTP status. */
  readonly closesRefused: boolean;
  /**
   * Message that the server sends in every heartbeat interval, busy or not; undefined for a protocol whose clients need only
   * the pings of RFC 6455, in times of silence.
   */
  readonly ping: Outgoing | undefined;
  /** Format of publications. */
  readonly format: WireFormat;
  /** Returns the same protocol with another format of publications. */
  withFormat(format: WireFormat): Protocol;
  /** Tells from the URL of the handshake whether a client without such a subprotocol uses this protocol. */
  isAskedBy(url: string): boolean;

  /**
   * Reads a frame of the client: one command, several in order, or undefined for a frame without a request.
   * @param parser parser of the application, for protocols of JSON text
   * @throws Refusal BAD_MESSAGE
   */
  decode(frame: Incoming, parser: MessageParser): Command | readonly Command[] | undefined;

  /** Encodes the answer to a subscribe. @throws FanoutError FANOUT_SNAPSHOT */
  subscribed(answer: Subscribed): Outgoing;
  unsubscribed(topic: string, id: MessageId | undefined, reason: EndReason): Outgoing | undefined;
  /**
   * Encodes a gap outside of publications, perhaps with a new snapshot.
   * @throws FanoutError FANOUT_SNAPSHOT
   */
  gap(topic: Origin, gap: Gap, snapshot?: unknown): Outgoing | undefined;
  /**
   * Encodes the result of a handler, or one value of a stream.
   * @throws FanoutError FANOUT_REPLY
   */
  reply(request: Request, value: unknown): Outgoing | undefined;
  /** Encodes the end of a stream. */
  complete(request: Request): Outgoing | undefined;
  error(id: MessageId | undefined, answer: ErrorAnswer): Outgoing | undefined;
  /** Encodes an error without id and topic. A flood causes many, so each is made once. */
  refusal(code: RefusalCode): Outgoing | undefined;
  pong(request: Request): Outgoing | undefined;
  /**
   * Encodes the answer to new credentials.
   * @param expiresAt milliseconds since 1970; undefined for credentials that do not end
   */
  refreshed(id: MessageId | undefined, expiresAt: number | undefined): Outgoing | undefined;
  /** Encodes a request for new credentials. @param expiresAt end of the present ones, in milliseconds since 1970 */
  renew(expiresAt: number): Outgoing | undefined;
  /** Encodes an event of the application. @param json data, undefined for none */
  event(name: string, json: string | undefined): Outgoing | undefined;
  closing(close: Close): Closing;
}
