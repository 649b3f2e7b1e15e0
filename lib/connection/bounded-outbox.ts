import type { Batch } from '../wire/batch.js';
import { firstRoom } from './first-grants.js';
import { Flight } from './flight.js';
import { HeldBatches, MOST_IN_FLIGHT, NOTHING } from './held-batches.js';
import { Line } from './line.js';
import type { OutboxOwner } from './outbox-owner.js';
import { bytesLeft, OPEN, type SocketPort, type WebSocketPort, writesLater } from './socket-port.js';
import { writeBatches } from './write-batches.js';

/**
 * The part of an outbox that is not on the way of every publication: the line to the client, what waits for it to read, and
 * what its socket holds.
 */
export abstract class BoundedOutbox {
  feeds = 0;
  /** Bytes of what was gathered that the client has asked for. */
  asked = 0;
  protected readonly ws: WebSocketPort;
  protected readonly socket: SocketPort;
  protected count = 0;
  protected bytes = 0;
  /** Slots are reused: emptying the array would allocate it anew in each flush. */
  protected pending: (Batch | undefined)[] | undefined;
  protected held: HeldBatches | undefined;
  /** Bytes that may be written without a further look. 0 while something waits for an acknowledgement. */
  protected grant: number;
  /** What `grant` was at first. */
  readonly #firstGrant: number;
  protected line: Line | undefined;
  /** Milliseconds, as the last answer to a ping has shown them. */
  #lag = 0;
  protected readonly owner: OutboxOwner;

  constructor(ws: WebSocketPort, socket: SocketPort, owner: OutboxOwner) {
    this.ws = ws;
    this.socket = socket;
    this.owner = owner;
    this.grant = this.#firstGrant = owner.firstGrant();
  }

  abstract get room(): number;

  abstract write(): void;

  /** Bytes that the kernel has not taken yet, gathered ones and those that wait for acknowledgements included. */
  get unsent(): number {
    return this.gathered + this.socket.writableLength;
  }

  get gathered(): number {
    // What waits is not sent any more once the connection is not open.
    return this.ws.readyState === OPEN ? this.bytes + (this.line?.waiting ?? 0) : this.bytes;
  }

  get isStuck(): boolean {
    if (this.socket.writableLength > 0) return true;
    // Who has never answered may know no pings: nothing tells whether it reads.
    return this.line?.flight.answers === true && (this.gathered > 0 || this.windowRoom <= 0);
  }

  get lag(): number {
    return this.line === undefined ? this.#lag : this.line.flight.lag(this.owner.clock.now());
  }

  get rate(): number {
    return this.line?.flight.rate ?? Infinity;
  }

  get left(): number {
    return bytesLeft(this.socket) - (this.line?.flight.progress ?? 0);
  }

  /** Writes whatever it is: nothing follows, or something else writes to the socket. */
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

  /** Calls back when the socket has taken all there is now. */
  whenTaken(done: () => void): void {
    if (this.isWaiting) this.line!.onEmpty = done;
    else this.#ask(done);
  }

  #ask(done: () => void): void {
    try {
      this.socket.write(NOTHING, done);
    } catch {
      this.owner.broken();
    }
  }

  /** Goes on with what waits: the socket has drained. */
  resume(): void {
    if (this.isWaiting) this.writeWithin();
  }

  /** Sends a ping, whose answer shows the lag. */
  ping(): void {
    // What was gathered had room: behind a ping that the kernel has not taken it would look like too much.
    this.write();
    if (this.ws.readyState !== OPEN) return;
    const line = this.settled();
    this.#try(() => line.ping(false));
    this.renew(line);
  }

  /** Takes the answer to a ping. False when none waits for this token. */
  acknowledge(token: number): boolean {
    if (this.line === undefined) return false;
    const line = this.settled();
    const now = this.owner.clock.now();
    const isKnown = line.flight.acknowledge(token, now);
    this.#lag = line.flight.lag(now);
    if (line.waiting > 0) this.writeWithin();
    else this.renew(line);
    if (isKnown) this.#goOn(line);
    return isKnown;
  }

  /** Looks anew: the client has not answered its first ping in time, or its answers are not read, or are read again. */
  review(): void {
    if (this.line === undefined || this.ws.readyState !== OPEN) return;
    const line = this.settled();
    // For what was written while no answer would have come.
    if (line.flight.unmarked > 0 && line.flight.untilMark < Infinity) this.#try(() => line.ping(false));
    if (line.waiting > 0) this.writeWithin();
    else this.renew(line);
    this.#goOn(line);
  }

  #goOn(line: Line): void {
    if (line.isAwaited && this.windowRoom <= 0) return this.#try(() => line.ask());
    if (line.isAwaited) {
      line.isAwaited = false;
      // A socket that is still busy tells by itself; till then it has taken nothing.
      if (this.socket.writableLength > 0) this.holder().awaitDrain();
      else this.owner.drained();
    }
    // What an idle connection keeps counts by the ten thousand.
    if (!line.isFresh) return;
    line.stop();
    this.line = undefined;
    this.grant = this.#firstGrant;
  }

  awaitDrain(): void {
    if (this.ws.readyState !== OPEN) return;
    if (this.windowRoom > 0) return this.holder().awaitDrain();
    const line = this.settled();
    line.isAwaited = true;
    this.#try(() => line.ask());
    this.renew(line);
  }

  tooSlow(): void {
    this.owner.tooSlow();
  }

  evict(): void {
    this.owner.evict();
  }

  /** The socket has ended: nothing reads the batches any more. */
  end(): void {
    this.drop();
    this.line?.stop();
    this.held?.end();
  }

  protected get isWaiting(): boolean {
    return this.line !== undefined && this.line.waiting > 0;
  }

  /** Bytes that may be under way beside those that are. */
  protected get windowRoom(): number {
    if (this.owner.flightTime === Infinity || this.ws.readyState !== OPEN) return Infinity;
    const line = this.line;
    if (line === undefined)
      return this.ws.isPaused === true
        ? Infinity
        : firstRoom(this.#firstGrant - this.grant, this.owner.flightTime);
    return line.waiting > 0 ? 0 : line.flight.roomAt(this.owner.clock.now(), this.grant);
  }

  /** The line, which knows of all that was written. */
  protected settled(): Line {
    const { line = this.#newLine() } = this;
    if (this.line === undefined) line.flight.settleFirst(this.grant);
    else line.flight.settle(this.grant);
    this.line = line;
    this.grant = 0;
    if (this.ws.isPaused === true) line.flight.stopReading();
    else line.flight.goOnReading();
    return line;
  }

  #newLine(): Line {
    const { flightTime, clock } = this.owner;
    const flight = new Flight(flightTime, this.#lag > 0, this.#firstGrant, clock.now());
    return new Line(this.socket, this.owner, flight, () => this.review());
  }

  protected renew(line: Line): void {
    const { flight, waiting, onEmpty } = line;
    this.grant = waiting > 0 ? 0 : flight.grant(this.owner.clock.now());
    if (waiting > 0 || onEmpty === undefined) return;
    line.onEmpty = undefined;
    this.#ask(onEmpty);
  }

  #leaveToLine(line: Line): void {
    if (line.waiting === 0 && this.socket.writableLength === 0) this.holder().begin(this.bytes);
    line.add(this.pending!, this.count);
    this.#dropGathered();
  }

  protected writeWithin(): void {
    if (this.ws.readyState !== OPEN) return this.drop();
    const line = this.settled();
    this.#leaveToLine(line);
    const held = this.holder();
    // A message of the application must not come between the fragments of another.
    const isWhole = writesLater(this.ws, this.socket);
    this.#try(() => (isWhole ? line.writeAll(held) : line.write(held, MOST_IN_FLIGHT)));
    this.renew(line);
  }

  /** A socket that throws is beyond use; its peers are not. */
  #try(write: () => void): void {
    try {
      write();
    } catch {
      this.ws.terminate();
    }
  }

  /** @param ping a frame that follows it */
  protected writeGathered(ping?: Buffer): void {
    if (this.count === 0) return;
    if (this.ws.readyState !== OPEN) return this.drop();
    try {
      const taken = this.socket.encrypted ? this.holder().onTaken(this.count) : undefined;
      writeBatches(this.socket, this.pending!, this.count, taken, ping);
    } catch {
      // It may have taken a part before, so what was gathered is held until its end.
      this.#hold();
      return this.ws.terminate();
    }
    if (this.socket.encrypted) this.#hold();
    else if (this.socket.writableLength === 0) this.#dropGathered();
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
  }

  #hold(): HeldBatches {
    const held = this.holder();
    held.begin(this.bytes);
    for (let i = 0; i < this.count; i++) held.keep(this.pending![i]!);
    this.#dropGathered();
    return held;
  }

  protected holder(): HeldBatches {
    return (this.held ??= new HeldBatches(this.socket, this.owner));
  }
}
