import { AsyncResource } from 'node:async_hooks';
import type { BatchSink } from '../wire/batch.js';

/** Unread bytes of answers at which waiting work goes on: as many as bytes of publications may be in flight. */
const MOST_UNREAD = 64 * 1024;

/** A connection whose client may leave answers unread. */
export interface Reader {
  readonly open: boolean;
  readonly sink: BatchSink;
  /** Bytes of answers above which the next one waits. */
  readonly maxUnsentBytes: number;
  writeGathered(): void;
  /** Calls back when the socket has taken all there is now. */
  whenTaken(done: () => void): void;
  /** Called when the socket has taken all its data, so that waiting publications have their turn first. */
  drained(): void;

  // Notes kept on the connection, because a Map entry and an object for each would cost more.

  /** Upper bound of the bytes of answers that the kernel has not taken. Each sent answer adds to this number. */
  unread: number;
  /** Part of {@link unread} that the socket was asked about; -1 without a question. Only {@link WaitingAnswers} sets this part. */
  awaited: number;
}

/** Closes connections whose sockets take nothing for the time of grace. */
export interface StallWatch {
  /** Begins the time of grace of a socket, also if the socket is watched already. */
  watch(sink: BatchSink): void;
  unwatch(sink: BatchSink): void;
}

/** Waiting work. Returns a promise of its end if it takes time. */
type Work = () => void | Promise<void>;

/**
 * Work that waits until its client has read earlier answers: the next message, the next topic of a subscribe, the next value
 * of a stream. One object serves all connections.
 */
export class WaitingAnswers {
  readonly #waiting = new Map<Reader, Work[]>();
  readonly #stalls: StallWatch;

  constructor(stalls: StallWatch) {
    this.#stalls = stalls;
  }

  /** Whether the client has more than so many bytes of answers unread. False for a connection that is closing. */
  isAbove(bytes: number, reader: Reader): boolean {
    // Only a write shows whether the peer reads.
    reader.writeGathered();
    if (reader.awaited < 0) reader.unread = Math.min(reader.unread, reader.sink.unsent);
    return reader.open && reader.unread > bytes;
  }

  /**
   * Does the work later, in the context of the caller: when the client has read enough, or when its connection has ended.
   * Resolves when the work is done, and rejects with any error of the work.
   */
  add(reader: Reader, work: Work): Promise<void> {
    return new Promise((resolve, reject) => {
      const settling = AsyncResource.bind(() => settle(work, resolve, reject));
      const works = this.#waiting.get(reader);
      if (works === undefined) this.#waiting.set(reader, [settling]);
      else works.push(settling);
      this.#await(reader);
    });
  }

  /** Does all waiting work, because the connection has ended. */
  end(reader: Reader): void {
    const works = this.#waiting.get(reader);
    if (works === undefined) return;
    this.#forget(reader);
    for (const work of works) void work();
  }

  /** Does the waiting work, in order, as long as there is room. */
  #goOn(reader: Reader): void {
    const works = this.#waiting.get(reader);
    if (works === undefined) return;
    const most = Math.min(MOST_UNREAD, reader.maxUnsentBytes);
    while (works.length > 0 && !this.isAbove(most, reader)) {
      const done = works.shift()!();
      if (done === undefined) continue;
      // The next work follows when this work has ended: this work may itself be waiting here for others.
      void done.then(() => this.#goOn(reader));
      break;
    }
    if (this.#waiting.get(reader) !== works) return;
    if (works.length === 0) this.#forget(reader);
    else if (this.isAbove(most, reader)) this.#await(reader);
  }

  /** Asks the socket, one question at a time. Bytes that are unread at the question have left at its answer. */
  #await(reader: Reader): void {
    this.#stalls.watch(reader.sink);
    if (reader.awaited >= 0) return;
    reader.awaited = reader.unread;
    reader.whenTaken(() => {
      reader.unread -= reader.awaited;
      reader.awaited = -1;
      reader.drained();
      this.#goOn(reader);
    });
  }

  #forget(reader: Reader): void {
    this.#waiting.delete(reader);
    this.#stalls.unwatch(reader.sink);
  }
}

/** Does the work, and returns a promise of its end if the work takes time. Neither throws nor rejects. */
function settle(
  work: Work,
  resolve: (done: void | Promise<void>) => void,
  reject: (error: unknown) => void,
): void | Promise<void> {
  try {
    const done = work();
    resolve(done);
    return done?.catch(() => {});
  } catch (error) {
    return reject(error);
  }
}
