import type { WebSocket } from 'ws';
import type { Close } from '../errors/close-codes.js';
import { CLOSE } from '../errors/close-codes.js';
import type { Counters } from '../observe/counters.js';
import { tokenOf } from '../wire/frame.js';
import { formatOf, type WireFormat } from '../wire/json-format.js';
import { bytesLeft } from '../ws/socket-handle.js';
import { assertClose } from './close.js';
import { connectionId } from './connection-id.js';
import type { FirstGrants } from './first-grants.js';
import type { Handshake } from './handshake.js';
import type { LineClock, OutboxDeps } from './outbox-deps.js';
import { Outbox } from './outbox.js';
import { SendingConnection, type SendingDeps } from './sending-connection.js';
import { OPEN, type SocketPort, writesLater } from './socket-port.js';
import { Subscriptions } from './subscriptions.js';
import type { ConnectionUser } from './user.js';
import { wallTime } from './wall-time.js';

/** What a connection asks of the rest of the server. One object serves them all. */
export interface ConnectionDeps extends SendingDeps {
  /** Milliseconds in which a client reads what is under way to it; Infinity bounds nothing. */
  readonly flightTime: number;
  readonly firstGrants: FirstGrants;
  readonly clock: LineClock;
  readonly counters: Counters;
  /** @param bytes that are kept for a busy socket from now on; negative for what is not any more */
  pinned(bytes: number): void;
  /** There is room again: a busy socket has taken what it was given, or the client has read enough of it. */
  drained(connection: SocketConnection): void;
  subscribe(connection: SocketConnection, topic: string): boolean;
  unsubscribe(connection: SocketConnection, topic: string): boolean;
  userChanged(connection: SocketConnection): void;
  /** It is closed in good order: what was published so far is still for it. */
  finishing(connection: SocketConnection): void;
  /** The server closes it: nothing more is published to it, though its socket may take a while to end. */
  closing(connection: SocketConnection): void;
}

/** A {@link Connection} over a `ws` socket. `T` is a subscription: what is in one is the business of the topic room. */
export class SocketConnection<T = any> extends SendingConnection implements OutboxDeps {
  readonly id = connectionId();
  readonly format: WireFormat;
  readonly sink: Outbox;
  readonly subscriptions = new Subscriptions<T>();
  lastSeen = wallTime();
  /** What the server closed it with, if the server did. */
  closedWith: Close | undefined;
  readonly #deps: ConnectionDeps;
  /** What was read when the last sign of life was noted. Up to the start it is the request. */
  #bytesRead: number;
  /** What the kernel had not taken at the last look. */
  #left = 0;
  #user: ConnectionUser | undefined;

  constructor(
    readonly socket: WebSocket,
    transport: SocketPort,
    readonly handshake: Handshake,
    deps: ConnectionDeps,
    format: WireFormat = formatOf(socket.protocol),
  ) {
    super();
    this.format = format;
    this.#bytesRead = transport.bytesRead;
    this.#deps = deps;
    this.sink = new Outbox(socket, transport, this);
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

  /** The socket below the WebSocket. */
  get transport(): SocketPort {
    return this.sink.socket;
  }

  protected get deps(): ConnectionDeps {
    return this.#deps;
  }

  get open(): boolean {
    return this.socket.readyState === OPEN;
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
    this.closeAs(close);
  }

  /** Closes with a code that is known to be good, after what was sent. */
  closeAs(close: Close): void {
    if (!this.open) return;
    this.closedWith = close;
    this.#deps.closing(this);
    this.sink.writeLast();
    // The write may have found the socket broken, which ends it as well.
    if (this.open) this.socket.close(close.code, close.reason);
  }

  /** Closes without waiting for the peer to answer: the close frame is the last of what it gets. */
  closeForGood(close: Close): void {
    if (!this.open) return;
    this.closeAs(close);
    // While `ws` compresses a message of the application's, the close frame waits behind it and would find the end.
    if (!writesLater(this.socket, this.sink.socket)) this.sink.socket.end();
  }

  /** It is closed by other means: a frame was bad, and `ws` has closed it for that, or it is cut off. */
  closedAs(close: Close): void {
    this.closedWith ??= close;
    this.#deps.closing(this);
  }

  /** Ends it without a closing handshake: the peer is gone or has had its time. */
  terminateAs(close: Close): void {
    this.closedAs(close);
    this.socket.terminate();
  }

  // The outbox's view of it.

  get flightTime(): number {
    return this.#deps.flightTime;
  }

  firstGrant(): number {
    return this.#deps.firstGrants.next();
  }

  get clock(): LineClock {
    return this.#deps.clock;
  }

  get counters(): Counters {
    return this.#deps.counters;
  }

  tooSlow(): void {
    this.closeAs(CLOSE.SLOW);
  }

  evict(): void {
    this.terminateAs(CLOSE.SLOW);
    this.sink.end();
  }

  pinned(bytes: number): void {
    this.#deps.pinned(bytes);
  }

  drained(): void {
    // It was full, so somebody has read: a sign of life, though the answer to a ping waits behind megabytes in the kernel.
    // A TLS socket may have had everything to encrypt and nothing that the kernel did not take at once.
    if (this.sink.socket.encrypted !== true) this.#took(wallTime());
    this.sink.resume();
    this.#deps.drained(this);
  }

  /** Its socket was paused or resumed: answers to pings come only while it is read. */
  readingChanged(): void {
    this.sink.review();
  }

  broken(): void {
    this.socket.terminate();
  }

  // The heartbeat's view of it, and its notes.

  beatPolicy: { readonly interval: number; readonly timeout: number } | undefined;
  beatDue = 0;
  beatPing = 0;
  beatSlot = 0;
  beatIndex = 0;

  /** Notes that the peer has said something, and that this is what the bytes read so far were. */
  heard(now: number): void {
    this.lastSeen = now;
    this.#bytesRead = this.sink.socket.bytesRead;
    this.beatPing = 0;
  }

  /** Notes a pong: a sign of life that does not put off the next ping. */
  answered(now: number): void {
    const { beatPing } = this;
    this.heard(now);
    this.beatPing = beatPing;
  }

  /** Notes that something was read which is no whole message yet, if there is such. */
  noteParts(): void {
    if (this.sink.socket.bytesRead !== this.#bytesRead) this.heard(wallTime());
  }

  /** Notes what no event tells of: parts of frames that come, and parts of a write that leave. */
  observe(now: number): boolean {
    const arriving = this.sink.socket.bytesRead !== this.#bytesRead;
    const left = bytesLeft(this.sink.socket);
    const leaving = left > 0 || this.bufferedBytes > 0;
    if (arriving) this.heard(now);
    // The kernel takes the rest of a write when the peer has acknowledged something. What it takes at once proves nothing.
    else if (left < this.#left) this.#took(now);
    // Who does not read what is sent to it may be paused for that.
    else if (this.socket.isPaused && !leaving) this.#excuse(now);
    this.#left = left;
    return arriving || leaving;
  }

  #took(now: number): void {
    this.lastSeen = now;
    this.#left = bytesLeft(this.sink.socket);
    this.beatPing = 0;
  }

  /** We do not listen, so its silence says nothing; but a write finds out whether anybody is there at all. */
  #excuse(now: number): void {
    this.heard(now);
    this.ping();
  }

  ping(): void {
    this.sink.ping();
  }

  /** Takes a pong. Returns whether a ping has asked for it, and was not answered before. */
  pong(payload: Buffer): boolean {
    const token = tokenOf(payload);
    return token !== undefined && this.sink.acknowledge(token);
  }

  expire(): void {
    this.terminateAs(CLOSE.HEARTBEAT);
  }
}
