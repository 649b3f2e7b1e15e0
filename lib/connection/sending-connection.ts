import { FanoutError, shown } from '../errors/fanout-error.js';
import { outgoingJson } from '../json/outgoing.js';
import { Batch } from '../wire/batch.js';
import type { Outgoing, Protocol } from '../protocol/protocol.js';
import { Connection } from './connection.js';
import type { Outbox } from './outbox.js';
import type { TransportKind } from './transport.js';
import type { TurnWrites } from './turn-writes.js';
import type { Reader, WaitingAnswers } from './waiting-answers.js';

/** Parts of the server that sending needs. One object serves all connections. */
export interface SendingDeps {
  readonly turnWrites: TurnWrites;
  /** Work that waits for clients to read. */
  readonly waiting: WaitingAnswers;
  /** Most bytes that a connection may have unsent. */
  readonly maxUnsentBytes: number;
  readonly kind: TransportKind;
}

/** Part of a connection that sends everything but publications: answers, and messages of the application. */
export abstract class SendingConnection extends Connection implements Reader {
  abstract readonly open: boolean;
  abstract readonly protocol: Protocol;
  abstract readonly sink: Outbox;
  protected abstract readonly deps: SendingDeps;
  unread = 0;
  awaited = -1;
  /** Number of running handlers for messages of the client. */
  #handling = 0;
  /** Bytes that running handlers may send in addition to their answers. */
  #allowance = 0;

  abstract drained(): void;
  abstract broken(): void;

  get maxUnsentBytes(): number {
    return this.deps.maxUnsentBytes;
  }

  send(event: string, data?: unknown): boolean {
    if (typeof event !== 'string' || event === '')
      throw new FanoutError('FANOUT_EVENT', `event is ${shown(event)}`);
    const json = outgoingJson('FANOUT_EVENT', event, data);
    if (data !== undefined && json === undefined)
      throw new FanoutError('FANOUT_EVENT', `of event "${event}", ${shown(data)} has no JSON form`);
    const message = this.protocol.event(event, json);
    // A protocol without events of the application has nothing to send.
    if (message === undefined) return this.open;
    const bytes = this.#give(message);
    if (this.#handling > 0) this.#sentByHandler(bytes);
    return bytes > 0;
  }

  /** Sends one message at the end of this loop turn. Closes the connection when too much is unsent by then. */
  tell(message: Outgoing): boolean {
    return this.#give(message) > 0;
  }

  /**
   * Sends one message that the client has asked for, at the end of this loop turn. A large answer closes no
   * connection: while the connection is {@link full}, answers wait.
   */
  answer(message: Outgoing): boolean {
    const bytes = this.#give(message);
    this.sink.asked += bytes;
    this.unread += bytes;
    return bytes > 0;
  }

  /** Returns the bytes of the frame; 0 when it is not sent. */
  #give(message: Outgoing): number {
    if (!this.open) return 0;
    // More than the limit in one turn goes to the socket at once, because only a write shows whether the client reads.
    if (this.sink.gathered > this.maxUnsentBytes) this.sink.write();
    if (!this.open) return 0;
    const batch = new Batch([this.deps.kind.message(message)]);
    if (this.sink.add(batch)) this.deps.turnWrites.request(this.sink);
    batch.release();
    return batch.bytes;
  }

  /** Notes that a message of the client goes to its handler. */
  handlerBegins(): void {
    this.#handling++;
    this.#allowance = Math.min(this.#allowance + this.maxUnsentBytes, this.#handling * this.maxUnsentBytes);
  }

  /** Notes that a message of the client is answered, or never will be. */
  handlerEnds(): void {
    if (--this.#handling === 0) this.#allowance = 0;
  }

  /** Counts bytes sent by a handler as answers. Each handler may send as much as a connection may have unsent. */
  #sentByHandler(bytes: number): void {
    this.unread += bytes;
    if (bytes > this.#allowance) return;
    this.#allowance -= bytes;
    this.sink.asked += bytes;
  }

  /** True if so many bytes of answers are unread that the client's next request has to wait. */
  get full(): boolean {
    const { maxUnsentBytes } = this;
    return this.unread > maxUnsentBytes && this.deps.waiting.isAbove(maxUnsentBytes, this);
  }

  /** Does the work when the client has read nearly all answers so far, or has disconnected. */
  whenRead(work: () => void | Promise<void>): Promise<void> {
    return this.deps.waiting.add(this, work);
  }

  /** Writes the frames gathered in this loop turn now, as far as the window allows. */
  writeGathered(): void {
    if (this.sink.gathered > 0) this.sink.write();
  }

  /** Writes everything now, because the application is about to write to the socket itself. */
  writeAll(): void {
    if (this.sink.gathered > 0) this.sink.writeLast();
  }

  /** Calls back when the socket has sent everything written so far. */
  whenTaken(done: () => void): void {
    this.sink.whenTaken(done);
  }

  /** Requests a write at the end of this loop turn, for batches that others have added to the sink. */
  requestWrite(): void {
    this.deps.turnWrites.request(this.sink);
  }
}
