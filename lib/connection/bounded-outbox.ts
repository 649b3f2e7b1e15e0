import type { Counters } from '../observe/counters.js';
import type { Batch, BatchJoiner } from '../wire/batch.js';
import { bytesLeft } from '../ws/socket-handle.js';
import { firstRoom } from './first-grants.js';
import { Flight } from './flight.js';
import { HeldBatches, MOST_IN_FLIGHT, NOTHING } from './held-batches.js';
import { Line } from './line.js';
import type { OutboxDeps } from './outbox-deps.js';
import { OPEN, type Transport, writesLater, type WriteSide } from './transport.js';
import { writeBatches } from './write-batches.js';

/**
 * Part of an outbox that most publications do not touch: the line to the client, the waiting frames, and the batches
 * held for the socket.
 */
export abstract class BoundedOutbox {
  // Fields that each flush touches come first, so that they share a cache line of the processor.
  readonly transport: Transport;
  readonly output: WriteSide;
  protected count = 0;
  /** Bytes that may be written without a further check; 0 while frames wait for an acknowledgement. */
  protected grant: number;
  protected line: Line | undefined;
  protected readonly counters: Counters;
  protected bytes = 0;
  /** True if the socket had sent everything when the first of the gathered batches came. */
  protected isFree = false;
  /** Gathered bytes that the client has asked for. */
  asked = 0;
  subscriptionCount = 0;
  /** Gathered batches. Slots are reused, because an emptied array would be allocated anew in each flush. */
  protected pending: (Batch | undefined)[] | undefined;
  protected held: HeldBatches | undefined;
  /** First value of `grant`. */
  readonly #firstGrant: number;
  /** Lag shown by the last answer to a ping. Milliseconds. */
  #lag = 0;
  protected readonly deps: OutboxDeps;

  constructor(transport: Transport, output: WriteSide, deps: OutboxDeps) {
    this.transport = transport;
    this.output = output;
    this.deps = deps;
    this.counters = deps.counters;
    this.grant = this.#firstGrant = deps.firstGrant();
  }

  abstract get room(): number;

  abstract write(joiner?: BatchJoiner): void;

  /** Bytes that the kernel has not accepted yet, with gathered bytes and bytes that wait for acknowledgements. */
  get unsent(): number {
    return this.gathered + this.output.writableLength;
  }

  get gathered(): number {
    // Waiting frames are never sent after the connection has left the state OPEN.
    return this.transport.readyState === OPEN ? this.bytes + (this.line?.waiting ?? 0) : this.bytes;
  }

  get isStuck(): boolean {
    if (this.output.writableLength > 0) return true;
    // A client that has never answered may not know pings, and nothing shows whether it reads.
    return this.line?.flight.answers === true && (this.gathered > 0 || this.windowRoom <= 0);
  }

  get lag(): number {
    return this.line === undefined ? this.#lag : this.line.flight.lag(this.deps.clock.now());
  }

  get rate(): number {
    return this.line?.flight.rate ?? Infinity;
  }

  get left(): number {
    return bytesLeft(this.output) - (this.line?.flight.progress ?? 0);
  }

  /** Writes everything without limits, because nothing follows, or because something else will write to the socket. */
  writeLast(): void {
    const line = this.line;
    if (line === undefined || line.waiting === 0) {
      const bytes = this.bytes;
      this.writeGathered();
      this.grant -= bytes;
      return;
    }
    this.#leaveToLine(line);
    line.flight.settle(this.grant);
    this.#try(() => line.writeAll(this.holder()));
    this.renew(line);
  }

  /** Calls back when the socket has sent everything written so far. */
  whenTaken(done: () => void): void {
    if (this.isWaiting) this.line!.onEmpty = done;
    else this.#ask(done);
  }

  #ask(done: () => void): void {
    try {
      this.output.write(NOTHING, done);
    } catch {
      this.deps.broken();
    }
  }

  /** Continues with the waiting frames, because the socket has drained. */
  resume(): void {
    if (this.isWaiting) this.writeWithin();
  }

  /** Sends a ping, whose answer shows the lag. */
  ping(): void {
    // Gathered batches had room, so they go first. Behind a ping in the queue of the socket, they would exceed the
    // limit.
    this.write();
    if (this.transport.readyState !== OPEN) return;
    const line = this.settled();
    this.#try(() => line.ping(false));
    this.renew(line);
  }

  /** Handles the answer to a ping. Returns false when no unanswered ping has this token. */
  acknowledge(token: number): boolean {
    if (this.line === undefined) return false;
    const line = this.settled();
    const now = this.deps.clock.now();
    const isKnown = line.flight.acknowledge(token, now);
    this.#lag = line.flight.lag(now);
    if (line.waiting > 0) this.writeWithin();
    else this.renew(line);
    if (isKnown) this.#goOn(line);
    return isKnown;
  }

  /** Checks the line again: the first answer did not come in time, or the socket was paused or resumed. */
  review(): void {
    if (this.line === undefined || this.transport.readyState !== OPEN) return;
    const line = this.settled();
    // Pings for data written while no answer could arrive.
    if (line.flight.unmarked > 0 && line.flight.untilMark < Infinity) this.#try(() => line.ping(false));
    if (line.waiting > 0) this.writeWithin();
    else this.renew(line);
    this.#goOn(line);
  }

  #goOn(line: Line): void {
    if (line.isAwaited && this.windowRoom <= 0) return this.#try(() => line.ask());
    if (line.isAwaited) {
      line.isAwaited = false;
      // A busy socket reports its drain. Until then nothing has been sent.
      if (this.output.writableLength > 0) this.holder().awaitDrain();
      else this.deps.drained();
    }
    // Drops a fresh line, because idle connections count by the ten thousand and each byte matters.
    if (!line.isFresh) return;
    line.stop();
    this.line = undefined;
    this.grant = this.#firstGrant;
  }

  awaitDrain(): void {
    if (this.transport.readyState !== OPEN) return;
    if (this.windowRoom > 0) return this.holder().awaitDrain();
    const line = this.settled();
    line.isAwaited = true;
    this.#try(() => line.ask());
    this.renew(line);
  }

  tooSlow(): void {
    this.deps.tooSlow();
  }

  evict(): void {
    this.deps.evict();
  }

  /** Drops everything, because the socket has ended and no longer reads the batches. */
  end(): void {
    this.drop();
    this.line?.stop();
    this.held?.end();
  }

  protected get isWaiting(): boolean {
    return this.line !== undefined && this.line.waiting > 0;
  }

  /** Bytes that still fit into the window. */
  protected get windowRoom(): number {
    if (this.deps.flightTime === Infinity || this.transport.readyState !== OPEN) return Infinity;
    const line = this.line;
    if (line === undefined)
      return this.transport.isPaused === true
        ? Infinity
        : firstRoom(this.#firstGrant - this.grant, this.deps.flightTime);
    return line.waiting > 0 ? 0 : line.flight.roomAt(this.deps.clock.now(), this.grant);
  }

  /** Returns the line, with all written bytes counted. */
  protected settled(): Line {
    const { line = this.#newLine() } = this;
    if (this.line === undefined) line.flight.settleFirst(this.grant);
    else line.flight.settle(this.grant);
    this.line = line;
    this.grant = 0;
    if (this.transport.isPaused === true) line.flight.stopReading();
    else line.flight.goOnReading();
    return line;
  }

  #newLine(): Line {
    const { flightTime, clock } = this.deps;
    const flight = new Flight(flightTime, this.#lag > 0, this.#firstGrant, clock.now());
    return new Line(this.output, this.deps, flight, () => this.review());
  }

  protected renew(line: Line): void {
    const { flight, waiting, onEmpty } = line;
    this.grant = waiting > 0 ? 0 : flight.grant(this.deps.clock.now());
    if (waiting > 0 || onEmpty === undefined) return;
    line.onEmpty = undefined;
    this.#ask(onEmpty);
  }

  #leaveToLine(line: Line): void {
    if (line.waiting === 0 && this.output.writableLength === 0) this.holder().begin(this.bytes);
    line.add(this.pending!, this.count);
    this.#dropGathered();
  }

  protected writeWithin(): void {
    if (this.transport.readyState !== OPEN) return this.drop();
    const line = this.settled();
    this.#leaveToLine(line);
    const held = this.holder();
    // A message of the application must not get between the fragments of another message.
    const isWhole = writesLater(this.transport, this.output);
    this.#try(() => (isWhole ? line.writeAll(held) : line.write(held, MOST_IN_FLIGHT)));
    this.renew(line);
  }

  /** Runs a write. A socket that throws is unusable, so its connection ends. */
  #try(write: () => void): void {
    try {
      write();
    } catch {
      this.transport.terminate();
    }
  }

  /** Writes the gathered batches. @param ping frame that follows the batches */
  protected writeGathered(ping?: Buffer): void {
    if (this.count === 0) return;
    if (this.transport.readyState !== OPEN) return this.drop();
    try {
      const taken = this.output.encrypted ? this.holder().onTaken(this.count) : undefined;
      writeBatches(this.output, this.pending!, this.count, taken, ping);
    } catch {
      // The socket may have accepted a part, so the gathered batches are held until the socket ends.
      this.#hold();
      return this.transport.terminate();
    }
    this.counters.wrote(this.bytes + (ping?.length ?? 0));
    for (let i = 0; i < this.count; i++) this.counters.delivered(this.pending![i]!);
    if (this.output.encrypted) this.#hold();
    else if (this.output.writableLength === 0) this.#dropGathered();
    else this.#hold().awaitDrain();
  }

  protected drop(): void {
    this.#dropGathered();
    if (this.isWaiting) this.line!.drop(this.holder());
  }

  #dropGathered(): void {
    for (let i = 0; i < this.count; i++) {
      this.pending![i]!.release();
      this.pending![i] = undefined;
    }
    this.count = this.bytes = this.asked = 0;
    this.isFree = false;
  }

  #hold(): HeldBatches {
    const held = this.holder();
    held.begin(this.bytes);
    for (let i = 0; i < this.count; i++) held.keep(this.pending![i]!);
    this.#dropGathered();
    return held;
  }

  protected holder(): HeldBatches {
    return (this.held ??= new HeldBatches(this.output, this.deps));
  }
}
