/**
 * Types of every frame of the protocol `fanout.v1.json`, in both directions. docs/protocol.md explains the frames. This file
 * imports nothing, so that code for a browser can use the types too.
 */

/** Id that a client gives to its request, to find the answer. */
export type MessageId = string | number;

/** Members that a client's message to a topic may have beside the topic. The gateway's method reads further members. */
export interface SubscribeData {
  /** Topic to subscribe to. */
  readonly topic?: string;
  /** Several topics, in place of `topic`. */
  readonly topics?: readonly string[];
  /**
   * Position from which to continue: `<epoch>:<offset>`. Without it the subscription begins with the newest
   * publication.
   */
  readonly since?: string;
  /** Most flushes a second, on a topic that conflates. At least 1/60. */
  readonly maxRate?: number;
  readonly [member: string]: unknown;
}

/** Message that subscribes the client to one topic or several. Each topic gets an answer of its own. */
export interface SubscribeMessage {
  readonly event: 'subscribe';
  readonly id?: MessageId;
  readonly data: SubscribeData;
}

/** Message that ends the subscription to one topic or several. */
export interface UnsubscribeMessage {
  readonly event: 'unsubscribe';
  readonly id?: MessageId;
  readonly data: { readonly topic?: string; readonly topics?: readonly string[] };
}

/** Message with a new token, before the time of the old credentials is over. */
export interface RefreshMessage {
  readonly event: 'refresh';
  readonly id?: MessageId;
  readonly data: { readonly token: string };
}

/** Message that asks for a {@link PongFrame}, for clients that cannot see protocol pings. */
export interface PingMessage {
  readonly event: 'ping';
  readonly id?: MessageId;
}

/** Message that ends the stream that answers the message with the same id. */
export interface CancelMessage {
  readonly event: 'cancel';
  readonly id: MessageId;
}

/** Message for a handler of the application, such as `@SubscribeMessage('order')`. */
export interface EventMessage {
  readonly event: string;
  readonly id?: MessageId;
  readonly data?: unknown;
}

/** Every message that a client may send. */
export type ClientMessage =
  SubscribeMessage | UnsubscribeMessage | RefreshMessage | PingMessage | CancelMessage | EventMessage;

/** One publication of a topic. With the subprotocol `fanout.v1.json` a frame may hold an array of publications. */
export interface PublicationFrame<Data = unknown> {
  readonly topic: string;
  /** Place in the topic, from 1. */
  readonly offset: number;
  readonly data: Data;
}

/** Answer to a subscribe. Without an id, the server has subscribed the client by itself. */
export interface SubscribedFrame<Snapshot = unknown> {
  readonly event: 'subscribed';
  readonly id?: MessageId;
  readonly data: {
    readonly topic: string;
    /** Position of the subscription, `<epoch>:<offset>`: everything after it follows. */
    readonly position: string;
    /** True if nothing was lost since the requested position; left out if the client gave none. */
    readonly recovered?: boolean;
    /** Rate class of the subscription in flushes a second; left out if the client asked for none. */
    readonly maxRate?: number;
    /** Result of the topic's method; left out if there is none. */
    readonly snapshot?: Snapshot;
  };
}

/** Answer to an unsubscribe. Without an id, the server has ended the subscription by itself. */
export interface UnsubscribedFrame {
  readonly event: 'unsubscribed';
  readonly id?: MessageId;
  readonly data: { readonly topic: string };
}

/** Notice that the publications `from` to `to` of a topic do not come. */
export interface GapFrame<Snapshot = unknown> {
  readonly event: 'gap';
  readonly data: {
    readonly topic: string;
    readonly from: number;
    readonly to: number;
    /** Position after the gap, `<epoch>:<to>`. */
    readonly position: string;
    /**
     * Reason: `slow` and `bus` for lost publications, `expired` for publications that are out of date, `except` for
     * publications that exclude this client.
     */
    readonly reason: 'slow' | 'expired' | 'except' | 'bus';
    /** State of the topic at `to`; with the reason `slow`, if the topic has a snapshot. */
    readonly snapshot?: Snapshot;
  };
}

/** Answer that refuses a message, or the end of a subscription that the server refuses. */
export interface ErrorFrame {
  readonly event: 'error';
  readonly id?: MessageId;
  readonly data: {
    /** Code for programs: one of `RefusalCode`, the name of an HTTP status, or a code of the application. */
    readonly code: string;
    /** Text for people. */
    readonly message: string;
    /** Topic that was refused. */
    readonly topic?: string;
    /** Further fields of an exception of the application, or its list of validation errors. */
    readonly details?: unknown;
    /** True if some or all of the details were left out because of their size. */
    readonly truncated?: true;
  };
}

/** Answer to a {@link PingMessage}. */
export interface PongFrame {
  readonly event: 'pong';
  readonly id?: MessageId;
}

/** Request of the server for a new token: the client answers with a {@link RefreshMessage}. */
export interface RenewFrame {
  readonly event: 'refresh';
  /** End of the present credentials, in milliseconds since 1970. */
  readonly data: { readonly expiresAt: number };
}

/** Answer to a {@link RefreshMessage}: the new credentials are in force. */
export interface RefreshedFrame {
  readonly event: 'refreshed';
  readonly id?: MessageId;
  /** End of the new credentials, in milliseconds since 1970; left out if they do not end. */
  readonly data: { readonly expiresAt?: number };
}

/** Last frame of a stream that answers a message with an id. */
export interface CompleteFrame {
  readonly id: MessageId;
  readonly event: 'complete';
}

/** Reply of a handler, or an event that the application sends with `connection.send()`. */
export interface EventFrame {
  readonly event: string;
  readonly id?: MessageId;
  readonly data?: unknown;
}

/** Every frame from the server, except a handler's value without `event` as the answer to a message without an id. */
export type ServerFrame =
  | PublicationFrame
  | readonly (PublicationFrame | GapFrame)[]
  | SubscribedFrame
  | UnsubscribedFrame
  | GapFrame
  | ErrorFrame
  | PongFrame
  | RenewFrame
  | RefreshedFrame
  | CompleteFrame
  | EventFrame;
