import { AsyncResource } from 'node:async_hooks';
import type { BatchSink } from '../wire/batch.js';

/** Unread bytes of answers below which waiting work continues: as many as bytes of publications may be in flight. */
const MOST_UNREAD = 64 * 1024;

/** Connection whose client may leave answers unread. */
export interface Reader {
  readonly open: boolean;
  readonly sink: BatchSink;
  /** Unread bytes of answers above which the next one waits. */
  readonly maxUnsentBytes: number;
  writeGathered(): void;
  /** Calls back when the socket has sent everything written so far. */
  whenTaken(done: () => void): void;
  /** Called when the socket has drained, so that waiting publications go first. */
  drained(): void;

  // Notes are kept on the connection, because a Map entry and an object for each would cost more.

  /** Upper bound of the bytes of answers that the kernel has not accepted. Each sent answer adds to this number. */
  unread: number;
  /**
   * Part of {@link unread} at the time of the question to the socket; -1 without a question. Set only by {@link
   * WaitingAnswers}.
   */
  awaited: number;
}

/** Closes connections whose sockets send nothing during the grace time. */
export interface StallWatch {
  /** Starts the grace time of a socket, even if the socket is already watched. */
  watch(sink: BatchSink): void;
  unwatch(sink: BatchSink): void;
}

/** Waiting work. Returns a promise of its end if it takes time. */
type Work = () => void | Promise<void>;

/**
 * Work that waits until its client has read earlier answers: the next message, the next topic of a subscribe, the next
 * value of a stream. One object serves all connections.
 */
export class WaitingAnswers {
  readonly #waiting = new Map<Reader, Work[]>();
  readonly #stalls: StallWatch;

  constructor(stalls: StallWatch) {
    this.#stalls = stalls;
  }

  /** Tells whether the client has more than so many bytes of answers unread. False for a connection that is closing. */
  isAbove(bytes: number, reader: Reader): boolean {
    // Only a write shows whether the client reads.
    reader.writeGathered();
    if (reader.awaited < 0) reader.unread = Math.min(reader.unread, reader.sink.unsent);
    return reader.open && reader.unread > bytes;
  }

  /**
   * Does the work later, in the async context of the caller, when the client has read enough or its connection has
   * ended. Resolves when the work is done, and rejects with its error.
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

  /** Does the waiting work in order, while there is room. */
  #goOn(reader: Reader): void {
    const works = this.#waiting.get(reader);
    if (works === undefined) return;
    const most = Math.min(MOST_UNREAD, reader.maxUnsentBytes);
    while (works.length > 0 && !this.isAbove(most, reader)) {
      const done = works.shift()!();
      if (done === undefined) continue;
      // The next work follows after the end of this one, which may itself be waiting here.
      void done.then(() => this.#goOn(reader));
      break;
    }
    if (this.#waiting.get(reader) !== works) return;
    if (works.length === 0) this.#forget(reader);
    else if (this.isAbove(most, reader)) this.#await(reader);
  }

  /**
   * Asks the socket for a call-back, one question at a time. All bytes unread at the question have left by the answer.
   */
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

/** Does the work, and returns a promise of its end if it takes time. Neither throws nor rejects. */
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
