import type { WebSocket } from 'ws';
import type { Close } from '../errors/close-codes.js';
import { CLOSE } from '../errors/close-codes.js';
import type { Counters } from '../observe/counters.js';
import { tokenOf } from '../wire/frame.js';
import type { Clock } from '../time/clock.js';
import type { Protocol } from '../protocol/protocol.js';
import type { WireFormat } from '../wire/wire-format.js';
import { bytesLeft } from '../ws/socket-handle.js';
import { assertClose } from './close.js';
import { connectionId } from './connection-id.js';
import type { FirstGrants } from './first-grants.js';
import type { Handshake } from './handshake.js';
import type { OutboxDeps } from './outbox-deps.js';
import { Outbox } from './outbox.js';
import { SendingConnection, type SendingDeps } from './sending-connection.js';
import { OPEN, type Transport, type TransportKind, writesLater, type WriteSide } from './transport.js';
import { Subscriptions } from './subscriptions.js';
import type { ConnectionUser } from './user.js';

/** Collaborators of connections: one object for all of them. */
export interface ConnectionDeps extends SendingDeps {
  /** Milliseconds in which a client reads the bytes under way; Infinity sets no limit. */
  readonly flightTime: number;
  readonly firstGrants: FirstGrants;
  readonly clock: Clock;
  readonly counters: Counters;
  /** Counts memory kept for busy sockets. @param bytes newly kept bytes; negative for released bytes */
  pinned(bytes: number): void;
  /** Called when there is room again: a busy socket has drained, or the client has read enough. */
  drained(connection: SocketConnection): void;
  subscribe(connection: SocketConnection, topic: string): boolean;
  unsubscribe(connection: SocketConnection, topic: string): boolean;
  userChanged(connection: SocketConnection): void;
  /** Called before an orderly close, to hand over all publications so far. */
  finishing(connection: SocketConnection): void;
  /** Called when the server closes a connection, which then gets no further publications. Its socket may end later. */
  closing(connection: SocketConnection): void;
}

/** {@link Connection} over a {@link Transport}, such as a `ws` WebSocket. `T` is the type of a subscription, defined in the topic room. */
export class SocketConnection<T = any> extends SendingConnection implements OutboxDeps {
  readonly id = connectionId();
  readonly sink: Outbox;
  readonly subscriptions = new Subscriptions<T>();
  lastSeen: number;
  /** Code and reason of a close by the server. */
  closedWith: Close | undefined;
  readonly #deps: ConnectionDeps;
  /** Value of `bytesRead` at the last sign of life. At first it is the size of the request. */
  #bytesRead: number;
  /** Unsent bytes at the last check. */
  #left = 0;
  #user: ConnectionUser | undefined;

  constructor(
    readonly transport: Transport,
    output: WriteSide,
    readonly handshake: Handshake,
    deps: ConnectionDeps,
    readonly protocol: Protocol,
  ) {
    super();
    this.#bytesRead = output.bytesRead;
    this.#deps = deps;
    this.lastSeen = deps.clock.wallTime();
    this.sink = new Outbox(transport, output, this);
  }

  get format(): WireFormat {
    return this.protocol.format;
  }

  get user(): ConnectionUser {
    return this.#user as ConnectionUser;
  }

  set user(user: ConnectionUser) {
    this.#user = user;
    this.#deps.userChanged(this);
  }

  get topics(): ReadonlySet<string> {
    return new Set(this.subscriptions.keys());
  }

  get bufferedBytes(): number {
    return this.sink.unsent;
  }

  get lag(): number {
    return this.sink.lag;
  }

  get socket(): WebSocket {
    return this.#deps.kind.webSocketOf(this.transport)!;
  }

  /** Write side of the transport: for a WebSocket the TCP socket below it. */
  get output(): WriteSide {
    return this.sink.output;
  }

  protected get deps(): ConnectionDeps {
    return this.#deps;
  }

  get open(): boolean {
    return this.transport.readyState === OPEN;
  }

  subscribe(topic: string): boolean {
    return this.#deps.subscribe(this, topic);
  }

  unsubscribe(topic: string): boolean {
    return this.#deps.unsubscribe(this, topic);
  }

  close(code: number = 1000, reason: string = ''): void {
    const close = { code, reason };
    assertClose(close);
    if (this.open) this.#deps.finishing(this);
    this.closeWith(close);
  }

  /** Closes with a valid code, after everything sent so far. */
  closeWith(close: Close): void {
    if (!this.open) return;
    this.closedWith = close;
    this.#deps.closing(this);
    const closing = this.protocol.closing(close);
    if (closing.message !== undefined) this.tell(closing.message);
    this.sink.writeLast();
    // The write may have found the socket broken, and so ended the connection.
    if (this.open) this.transport.close(closing.close.code, closing.close.reason);
  }

  /** Closes without waiting for the client's answer. The close frame is the last data for the client. */
  closeWithoutAnswer(close: Close): void {
    if (!this.open) return;
    this.closeWith(close);
    // While `ws` compresses a message of the application, the close frame waits behind it, and `end()` would come too
    // early.
    if (!writesLater(this.transport, this.output)) this.output.end();
  }

  /** Records a close by other means: `ws` has closed for a bad frame, or the connection is terminated. */
  noteClose(close: Close): void {
    this.closedWith ??= close;
    this.#deps.closing(this);
  }

  /** Terminates without a closing handshake, because the client is lost or took too long. */
  terminateWith(close: Close): void {
    this.noteClose(close);
    this.transport.terminate();
  }

  // Members for the outbox.

  get kind(): TransportKind {
    return this.#deps.kind;
  }

  get flightTime(): number {
    return this.#deps.flightTime;
  }

  firstGrant(): number {
    return this.#deps.firstGrants.next();
  }

  get clock(): Clock {
    return this.#deps.clock;
  }

  get counters(): Counters {
    return this.#deps.counters;
  }

  tooSlow(): void {
    this.closeWith(CLOSE.SLOW);
  }

  evict(): void {
    this.terminateWith(CLOSE.SLOW);
    this.sink.end();
  }

  pinned(bytes: number): void {
    this.#deps.pinned(bytes);
  }

  drained(): void {
    // The socket was full, so the client has read: a sign of life, even if the answer to a ping waits behind megabytes
    // in the kernel. On TLS the data may only have been encrypted, which proves nothing.
    if (this.output.encrypted !== true) this.#took(this.#deps.clock.wallTime());
    this.sink.resume();
    this.#deps.drained(this);
  }

  /** Called when the socket is paused or resumed, because answers to pings arrive only while it is read. */
  readingChanged(): void {
    this.sink.review();
  }

  broken(): void {
    this.transport.terminate();
  }

  // Members for the heartbeat, and its notes.

  beatPolicy: { readonly interval: number; readonly timeout: number } | undefined;
  beatDue = 0;
  beatPing = 0;
  beatSlot = 0;
  beatIndex = 0;

  /** Notes a sign of life, which accounts for all bytes read so far. */
  heard(now: number): void {
    this.lastSeen = now;
    this.#bytesRead = this.output.bytesRead;
    this.#delayPing();
  }

  /** Notes a pong. A pong is a sign of life, but does not delay the next ping. */
  answered(now: number): void {
    const { beatPing } = this;
    this.heard(now);
    this.beatPing = beatPing;
  }

  /** Notes bytes of an unfinished message, if any have arrived. */
  noteParts(): void {
    if (this.output.bytesRead !== this.#bytesRead) this.heard(this.#deps.clock.wallTime());
  }

  /** Notes signs of life without an event: parts of frames that arrived, and parts of a write that left. */
  observe(now: number): boolean {
    const arriving = this.output.bytesRead !== this.#bytesRead;
    const left = bytesLeft(this.output);
    const leaving = left > 0 || this.bufferedBytes > 0;
    if (arriving) this.heard(now);
    // The kernel accepts the rest of a write after the client has acknowledged data. Bytes accepted at once prove
    // nothing.
    else if (left < this.#left) this.#took(now);
    // A client that does not read its answers may have its socket paused for that.
    else if (this.transport.isPaused && !leaving) this.#excuse(now);
    this.#left = left;
    return arriving || leaving;
  }

  #took(now: number): void {
    this.lastSeen = now;
    this.#left = bytesLeft(this.output);
    this.#delayPing();
  }

  /** Puts the next ping off after a sign of life, unless clients of the protocol wait for pings whatever else comes. */
  #delayPing(): void {
    if (this.protocol.ping === undefined) this.beatPing = 0;
  }

  /**
   * Excuses a client whose socket is not read, because its silence means nothing then. The ping is a write that fails
   * if the client is gone.
   */
  #excuse(now: number): void {
    this.heard(now);
    this.ping();
  }

  ping(): void {
    const { ping } = this.protocol;
    if (ping === undefined) this.sink.ping();
    else this.tell(ping);
  }

  /** Handles a pong. Returns true if it answers an open ping. */
  pong(payload: Buffer): boolean {
    const token = tokenOf(payload);
    return token !== undefined && this.sink.acknowledge(token);
  }

  expire(): void {
    this.terminateWith(CLOSE.HEARTBEAT);
  }
}
