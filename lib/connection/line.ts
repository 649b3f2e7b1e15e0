import type { Batch } from '../wire/batch.js';
import { Flight } from './flight.js';
import type { HeldBatches } from './held-batches.js';
import type { OutboxDeps } from './outbox-deps.js';
import type { WriteSide } from './transport.js';
import { FIRST_RATE } from './trust.js';
import { type Allowance, WaitingFrames } from './waiting-frames.js';

/**
 * Milliseconds for the first answer, in addition to the time for data under way. A client that answers later is treated
 * as one without pings.
 */
const FIRST_ANSWER_MS = 1000;

const ALL = { room: Infinity, enough: Infinity, cutAbove: Infinity };

/** Line of a connection that needs acknowledgements: the data under way, and the frames that wait. */
export class Line {
  readonly flight: Flight;
  /** True if a backlog waits for room. */
  isAwaited = false;
  /** Callback for the moment when the socket has taken all waiting frames. */
  onEmpty: (() => void) | undefined;
  readonly #waiting: WaitingFrames;
  readonly #output: WriteSide;
  readonly #deps: OutboxDeps;
  readonly #onMute: () => void;
  #timer: unknown;
  /** Deadline for the first answer of the client. Undefined before the first ping. */
  #patientUntil: number | undefined;

  /**
   * @param flight flight of the connection so far
   * @param onMute called when the wait for a client's first answer is given up
   */
  constructor(output: WriteSide, deps: OutboxDeps, flight: Flight, onMute: () => void) {
    this.#output = output;
    this.#deps = deps;
    this.#onMute = onMute;
    this.flight = flight;
    this.#waiting = new WaitingFrames(bytes => deps.pinned(bytes));
  }

  /** Bytes that wait for acknowledgements. */
  get waiting(): number {
    return this.#waiting.bytes;
  }

  /** True if the state is that of a new line. */
  get isFresh(): boolean {
    return !this.isAwaited && this.onEmpty === undefined && this.#waiting.bytes === 0 && this.flight.isFresh;
  }

  /** Adds batches behind the waiting ones. */
  add(batches: readonly (Batch | undefined)[], count: number): void {
    for (let i = 0; i < count; i++) this.#waiting.add(batches[i]!);
  }

  /**
   * Writes as many waiting frames as may be under way, with a ping after each stretch. Throws when the socket does.
   * @param most bytes after which a busy socket is given no further frame
   */
  write(held: HeldBatches, most: number): void {
    const { flight } = this;
    const now = this.#deps.clock.now();
    const isBurst = flight.unmarked === 0;
    // The first ping goes before the data. A client with pings then answers at once, even on a slow line.
    if (!flight.answers && !flight.isMarked) this.ping(isBurst);
    let given = 0;
    while (this.#waiting.bytes > 0 && (given < most || this.#output.writableLength === 0)) {
      const room = flight.room(now);
      if (room <= 0) break;
      const enough = Math.min(flight.untilMark, most);
      const bytes = this.#take({ room, enough, cutAbove: flight.cutAbove }, held);
      if (bytes === 0) break;
      given += bytes;
      flight.wrote(bytes);
      if (flight.untilMark <= 0) this.ping(isBurst);
    }
    // The rest is written when the answer comes.
    if (this.#waiting.bytes > 0 && flight.needsAnswer) this.ping(isBurst);
    if (this.#waiting.bytes > 0) this.doubt();
  }

  /** Writes all waiting frames without limits. Throws when the socket does. */
  writeAll(held: HeldBatches): void {
    this.flight.wrote(this.#take(ALL, held));
  }

  /** Asks for an answer, unless one is on its way. Throws when the socket does. */
  ask(): void {
    if (!this.flight.isMarked) this.ping(false);
    this.doubt();
  }

  /**
   * Writes a ping after all sent data. Throws when the socket does.
   * @param isBurst true if all data since the last ping was written now
   */
  ping(isBurst: boolean): void {
    const ping = this.mark(isBurst);
    this.#output.write(ping);
    this.#deps.counters.wrote(ping.length);
  }

  /**
   * Makes a ping that goes after all sent data.
   * @param isBurst true if all data since the last ping is written now
   */
  mark(isBurst: boolean): Buffer {
    const now = this.#deps.clock.now();
    this.#patientUntil ??= now + FIRST_ANSWER_MS + this.flight.inFlight / FIRST_RATE;
    return this.#deps.kind.ping(this.flight.mark(now, isBurst));
  }

  /** Ends the wait for the first answer. */
  stop(): void {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Limits the wait for a client that has never answered. Afterwards the client is treated as one without pings. */
  doubt(): void {
    if (this.#timer !== undefined || this.flight.answers || this.#patientUntil === undefined) return;
    const { clock } = this.#deps;
    const left = Math.max(0, this.#patientUntil - clock.now());
    this.#timer = clock.setTimeout(this.#giveUp, left);
  }

  readonly #giveUp = (): void => {
    this.#timer = undefined;
    if (this.flight.answers) return;
    this.flight.giveUpWaiting();
    this.#onMute();
  };

  /** Drops all waiting frames. */
  drop(held: HeldBatches): void {
    this.#waiting.drop(batch => held.keep(batch));
  }

  #take(allowance: Allowance, held: HeldBatches): number {
    const output = this.#output;
    const done: Batch[] = [];
    const pieces = this.#waiting.take(allowance, batch => done.push(batch));
    if (pieces.length === 0) return 0;
    let isKept = true;
    try {
      const taken = output.encrypted && done.length > 0 ? held.onTaken(done.length) : undefined;
      const bytes = writePieces(output, pieces, taken);
      const { counters } = this.#deps;
      counters.wrote(bytes);
      for (const batch of done) counters.delivered(batch);
      isKept = output.encrypted === true || output.writableLength > 0;
      return bytes;
    } finally {
      for (const batch of done) {
        if (isKept) held.keep(batch);
        batch.release();
      }
      if (output.writableLength > 0) held.awaitDrain();
    }
  }
}

/** Writes the pieces in one system call. Returns the number of their bytes. */
function writePieces(
  output: WriteSide,
  pieces: readonly Uint8Array[],
  taken: (() => void) | undefined,
): number {
  let bytes = 0;
  output.cork();
  pieces.forEach((piece, i) => {
    output.write(piece, i === pieces.length - 1 ? taken : undefined);
    bytes += piece.length;
  });
  output.uncork();
  return bytes;
}
