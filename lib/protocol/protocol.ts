import type { RawData } from 'ws';
import type { Close } from '../errors/close-codes.js';
import type { RefusalCode } from '../errors/refusals.js';
import type { Gap } from '../wire/log-entry.js';
import type { Origin, WireFormat } from '../wire/wire-format.js';
import type { MessageId } from './frames.js';

/** Message as it arrived: text as a string, binary data as given by `ws`. */
export type Incoming = string | RawData;

/** A message to a client: text becomes a text frame, bytes become a binary frame. */
export type Outgoing = string | Uint8Array;

/**
 * Parser for `FanoutAdapter.setMessageParser()`: turns a frame into a message. Returning undefined or null drops the
 * frame.
 */
export type MessageParser = (
  data: Incoming,
) => { event: string; id?: MessageId | null; data?: unknown } | null | void;

/** Request of a client, as far as an answer has to know it. */
export interface Request {
  /** Event of the application that the request is for; undefined for a request that no handler may take. */
  readonly event: string | undefined;
  readonly id: MessageId | undefined;
}

/**
 * What a client asks for. `call` is for a handler of the application. The others are for the library, unless the application
 * has a handler for `event`. `data` is as docs/protocol.md has it for that event, whatever the protocol.
 */
export interface Command extends Request {
  readonly kind: 'call' | 'subscribe' | 'unsubscribe' | 'refresh' | 'cancel' | 'ping';
  readonly data: unknown;
}

/** Answer to a subscribe. */
export interface Subscribed {
  readonly id: MessageId | undefined;
  readonly topic: Origin;
  /** Offset of the subscription: everything after it follows. */
  readonly offset: number;
  /** Whether nothing was lost since the position that the client asked for; undefined when it asked for none. */
  readonly recovered: boolean | undefined;
  /** Rate class in flushes a second; undefined when the client asked for none. */
  readonly maxRate: number | undefined;
  /** Value that the topic's method returned; undefined for none. */
  readonly snapshot: unknown;
}

/** Cause of the end of a subscription that the client is told of. */
export type EndReason = 'unsubscribed' | 'removed' | 'revoked';

/** Answer to a request that failed. */
export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
  readonly topic?: string | undefined;
  /** Details of an exception of the application, as JSON of a limited size. */
  readonly details?: { readonly json: string | undefined; readonly truncated: boolean } | undefined;
}

/** Close as a protocol has it. */
export interface Closing {
  readonly close: Close;
  /** Message before the close frame, if the protocol has one. */
  readonly message: Outgoing | undefined;
}

/**
 * Language of a connection: reads what its client sends, and writes what the client is sent. One object serves all connections
 * that speak alike. Each encoder is called once for a frame, and returns undefined where the protocol has no such frame.
 * Publications, and the gaps between them, are written by {@link format}, once for all connections of a topic.
 */
export interface Protocol {
  /** Name for logs and errors. */
  readonly name: string;
  /** Subprotocols of the handshake that choose this protocol, the best first. */
  readonly subprotocols: readonly string[];
  /** Whether a refused client is let in and closed with a code, because it cannot read an HTTP status. */
  readonly closesRefused: boolean;
  /** Format of publications. */
  readonly format: WireFormat;
  /** The same protocol with another format of publications. */
  withFormat(format: WireFormat): Protocol;
  /** Whether a client with none of the subprotocols speaks this protocol, by the URL of its handshake. */
  isAskedBy(url: string): boolean;

  /**
   * Reads a frame of the client: one command, several in order, or undefined for a frame that asks for nothing.
   * @param parser parser of the application, for protocols of JSON text
   * @throws Refusal BAD_MESSAGE
   */
  decode(frame: Incoming, parser: MessageParser): Command | readonly Command[] | undefined;

  /** @throws FanoutError FANOUT_SNAPSHOT */
  subscribed(answer: Subscribed): Outgoing;
  unsubscribed(topic: string, id: MessageId | undefined, reason: EndReason): Outgoing | undefined;
  /**
   * Gap beside the publications, perhaps with a new snapshot.
   * @throws FanoutError FANOUT_SNAPSHOT
   */
  gap(topic: Origin, gap: Gap, snapshot?: unknown): Outgoing | undefined;
  /**
   * Value that a handler returned, or one value of a stream.
   * @throws FanoutError FANOUT_REPLY
   */
  reply(request: Request, value: unknown): Outgoing | undefined;
  /** End of a stream. */
  complete(request: Request): Outgoing | undefined;
  error(id: MessageId | undefined, answer: ErrorAnswer): Outgoing | undefined;
  /** Error that answers no id and is about no topic. Floods are made of these, so the same one is made once. */
  refusal(code: RefusalCode): Outgoing | undefined;
  pong(request: Request): Outgoing | undefined;
  /** Answer to new credentials. @param expiresAt milliseconds since 1970; undefined for credentials that do not end */
  refreshed(id: MessageId | undefined, expiresAt: number | undefined): Outgoing | undefined;
  /** Request for new credentials. @param expiresAt end of the present ones, in milliseconds since 1970 */
  renew(expiresAt: number): Outgoing | undefined;
  /** Event of the application. @param json data, undefined for none */
  event(name: string, json: string | undefined): Outgoing | undefined;
  closing(close: Close): Closing;
}
