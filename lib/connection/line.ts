import type { Batch } from '../wire/batch.js';
import { Flight } from './flight.js';
import type { HeldBatches } from './held-batches.js';
import type { OutboxOwner } from './outbox-owner.js';
import type { SocketPort } from './socket-port.js';
import { FIRST_RATE } from './trust.js';
import { type Allowance, WaitingFrames } from './waiting-frames.js';

/** Milliseconds for the first answer, beside those for what is under way. Then a client is taken for one that knows no pings. */
const FIRST_ANSWER_MS = 1000;

const ALL = { room: Infinity, enough: Infinity, cutAbove: Infinity };

/** What a connection has of a line that needs acknowledgements: what is under way, and what waits for it. */
export class Line {
  readonly flight: Flight;
  /** Somebody wants to know when there is room. */
  isAwaited = false;
  /** Somebody wants to know when the socket has taken what waits. */
  onEmpty: (() => void) | undefined;
  readonly #waiting: WaitingFrames;
  readonly #socket: SocketPort;
  readonly #owner: OutboxOwner;
  readonly #onMute: () => void;
  #timer: unknown;
  /** Until when the first answer of the client is waited for. Known when the client was asked. */
  #patientUntil: number | undefined;

  /**
   * @param flight what is known of it so far
   * @param onMute called when a client is not waited for any more that has never answered
   */
  constructor(socket: SocketPort, owner: OutboxOwner, flight: Flight, onMute: () => void) {
    this.#socket = socket;
    this.#owner = owner;
    this.#onMute = onMute;
    this.flight = flight;
    this.#waiting = new WaitingFrames(bytes => owner.pinned(bytes));
  }

  /** Bytes that wait for acknowledgements. */
  get waiting(): number {
    return this.#waiting.bytes;
  }

  /** Whether nothing is known or kept that a new line would not have. */
  get isFresh(): boolean {
    return !this.isAwaited && this.onEmpty === undefined && this.#waiting.bytes === 0 && this.flight.isFresh;
  }

  /** Takes batches behind those that wait. */
  add(batches: readonly (Batch | undefined)[], count: number): void {
    for (let i = 0; i < count; i++) this.#waiting.add(batches[i]!);
  }

  /**
   * Writes of what waits as much as may be under way, with a ping behind each stretch of it. Throws when the socket does.
   * @param most bytes after which a busy socket is given no further frame
   */
  write(held: HeldBatches, most: number): void {
    const { flight } = this;
    const now = this.#owner.clock.now();
    const isBurst = flight.unmarked === 0;
    // Before the data, so that a client that knows pings answers at once, however slow its line.
    if (!flight.answers && !flight.isMarked) this.ping(isBurst);
    let given = 0;
    while (this.#waiting.bytes > 0 && (given < most || this.#socket.writableLength === 0)) {
      const room = flight.room(now);
      if (room <= 0) break;
      const enough = Math.min(flight.untilMark, most);
      const bytes = this.#take({ room, enough, cutAbove: flight.cutAbove }, held);
      if (bytes === 0) break;
      given += bytes;
      flight.wrote(bytes);
      if (flight.untilMark <= 0) this.ping(isBurst);
    }
    // The answer is what goes on with the rest.
    if (this.#waiting.bytes > 0 && flight.needsAnswer) this.ping(isBurst);
    if (this.#waiting.bytes > 0) this.doubt();
  }

  /** Writes all that waits, whatever is under way. Throws when the socket does. */
  writeAll(held: HeldBatches): void {
    this.flight.wrote(this.#take(ALL, held));
  }

  /** Asks for an answer, if none is on its way. Throws when the socket does. */
  ask(): void {
    if (!this.flight.isMarked) this.ping(false);
    this.doubt();
  }

  /**
   * Writes a ping behind what was sent. Throws when the socket does.
   * @param isBurst whether all of it since the last ping was written now
   */
  ping(isBurst: boolean): void {
    this.#socket.write(this.mark(isBurst));
  }

  /**
   * A ping for behind what was sent.
   * @param isBurst whether all of it since the last ping is written now
   */
  mark(isBurst: boolean): Buffer {
    const now = this.#owner.clock.now();
    this.#patientUntil ??= now + FIRST_ANSWER_MS + this.flight.inFlight / FIRST_RATE;
    return this.flight.mark(now, isBurst);
  }

  /** Nothing waits for an answer any more. */
  stop(): void {
    this.#owner.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Something waits for a client that has never answered. Who does not know pings is served as if there were none. */
  doubt(): void {
    if (this.#timer !== undefined || this.flight.answers || this.#patientUntil === undefined) return;
    const { clock } = this.#owner;
    const left = Math.max(0, this.#patientUntil - clock.now());
    this.#timer = clock.setTimeout(this.#giveUp, left);
  }

  readonly #giveUp = (): void => {
    this.#timer = undefined;
    if (this.flight.answers) return;
    this.flight.giveUpWaiting();
    this.#onMute();
  };

  /** Lets go of what waits. */
  drop(held: HeldBatches): void {
    this.#waiting.drop(batch => held.keep(batch));
  }

  #take(allowance: Allowance, held: HeldBatches): number {
    const socket = this.#socket;
    const done: Batch[] = [];
    const pieces = this.#waiting.take(allowance, batch => done.push(batch));
    if (pieces.length === 0) return 0;
    let isKept = true;
    try {
      const taken = socket.encrypted && done.length > 0 ? held.onTaken(done.length) : undefined;
      const bytes = writePieces(socket, pieces, taken);
      isKept = socket.encrypted === true || socket.writableLength > 0;
      return bytes;
    } finally {
      for (const batch of done) {
        if (isKept) held.keep(batch);
        batch.release();
      }
      if (socket.writableLength > 0) held.awaitDrain();
    }
  }
}

/** Writes in one system call. Returns how many bytes. */
function writePieces(
  socket: SocketPort,
  pieces: readonly Uint8Array[],
  taken: (() => void) | undefined,
): number {
  let bytes = 0;
  socket.cork();
  pieces.forEach((piece, i) => {
    socket.write(piece, i === pieces.length - 1 ? taken : undefined);
    bytes += piece.length;
  });
  socket.uncork();
  return bytes;
}
