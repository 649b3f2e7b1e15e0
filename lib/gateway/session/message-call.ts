import { EMPTY, type Observable, type Subscription as RxSubscription, tap } from 'rxjs';
import type { MessageId } from '../../protocol/frames.js';
import type { Command } from '../../protocol/protocol.js';
import type { Answers } from './answers.js';
import type { ClientSession } from './client-session.js';
import { CountedRefusal } from './counted-refusal.js';
import type { Invocation } from '../nest/invocation.js';

/** Most bytes that may wait for a socket before the next value of a generator or byte stream is pulled. */
const MOST_UNSENT = 64 * 1024;

/** Call of an event's handler, from its message to its last reply. */
export class MessageCall implements Invocation {
  /** True if the method itself returned a stream. An interceptor makes an Observable of a single value too. */
  streaming = false;
  readonly #answers: Answers;
  readonly #session: ClientSession;
  readonly #command: Command;
  #cancelled = false;
  #isFiltered = false;
  #replies: RxSubscription | undefined;
  #end: (() => void) | undefined;
  #becameStream: (() => void) | undefined;

  constructor(answers: Answers, session: ClientSession, command: Command) {
    this.#answers = answers;
    this.#session = session;
    this.#command = command;
  }

  get id(): MessageId | undefined {
    return this.#command.id;
  }

  acknowledge(data: unknown): void {
    this.#answers.acknowledge(this.#session, this.#command, { event: this.#command.event, data });
  }

  streamed(stream: Observable<unknown>, end?: () => void): Observable<unknown> {
    this.streaming = true;
    this.#end = end;
    this.#becameStream?.();
    if (!this.#cancelled && this.#session.connection.open) return stream;
    end?.();
    return EMPTY;
  }

  /** Ends the call after a filter has answered the client: no frame follows. */
  filtered(): void {
    this.#isFiltered = true;
  }

  inTurn(act: () => void): Promise<void> | undefined {
    const { connection } = this.#session;
    // Writes now, because only a write shows whether the client reads.
    if (connection.bufferedBytes > MOST_UNSENT) connection.writeGathered();
    if (connection.open && connection.bufferedBytes > MOST_UNSENT) return connection.whenRead(act);
    act();
    return undefined;
  }

  teardownFailed(error: unknown): void {
    this.#answers.teardownFailed(error);
  }

  /** Registers the request for `cancel`, until the request is answered or its stream has ended. */
  begin(): void {
    if (this.id !== undefined) (this.#session.requests ??= new Set()).add(this);
  }

  /** Ends the call of the handler; its stream may continue. */
  settled(): void {
    if (this.#replies?.closed !== false) this.#session.requests?.delete(this);
  }

  /**
   * Replies with each value, and resolves when the next message may be handled. Waits for a single value wrapped by an
   * interceptor, but not for a stream.
   * @param limit most streams of one connection
   * @throws CountedRefusal TOO_MANY_STREAMS
   */
  async replyEach(values: Observable<unknown>, limit: number): Promise<void> {
    const { connection, replies } = this.#session;
    // The connection closed before the handler returned, so nothing would end this stream.
    if (!connection.open) return this.#end?.();
    if (this.#cancelled && this.streaming) return this.#abandon();
    if (replies !== undefined && replies.size >= limit) {
      this.#end?.();
      throw new CountedRefusal('TOO_MANY_STREAMS', 'streams');
    }
    await Promise.race([this.#untilEnd(values), this.#untilStream()]);
  }

  /** Ends the stream of the request. Does nothing to a request that is answered without a stream. */
  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    if (!this.streaming || this.#replies === undefined) return;
    try {
      this.#replies.unsubscribe();
    } catch (error) {
      this.#answers.teardownFailed(error);
    }
    this.#complete();
  }

  #abandon(): void {
    this.#end?.();
    this.#complete();
  }

  #complete(): void {
    if (this.streaming && !this.#isFiltered) this.#answers.complete(this.#session, this.#command);
  }

  #untilEnd(values: Observable<unknown>): Promise<void> {
    const [answers, session, command] = [this.#answers, this.#session, this.#command];
    return new Promise(resolve => {
      // A value that cannot be sent ends the stream, like an error of the stream.
      const subscription = values.pipe(tap(value => this.#send(value))).subscribe({
        error: error => answers.fail(session, command.id, error),
        complete: () => this.#complete(),
      });
      this.#replies = subscription;
      const replies = (session.replies ??= new Set());
      replies.add(subscription);
      subscription.add(() => {
        replies.delete(subscription);
        session.requests?.delete(this);
        resolve();
      });
    });
  }

  #untilStream(): Promise<void> {
    return this.streaming ? Promise.resolve() : new Promise(resolve => (this.#becameStream = resolve));
  }

  #send(value: unknown): void {
    // An Observable cannot be paused. A single value, wrapped by an interceptor, is the result of the handler.
    if (this.streaming && this.#end === undefined) this.#answers.push(this.#session, this.#command, value);
    else this.#answers.reply(this.#session, this.#command, value);
  }
}

/** Ends the streams of all requests with an id. Each request gets an answer. */
export function cancelStreams({ requests }: ClientSession, id: MessageId): void {
  for (const call of requests ?? []) if (call.id === id) call.cancel();
}
