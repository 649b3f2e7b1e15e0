import type { Batch, BatchJoiner, BatchSink } from '../wire/batch.js';
import { BoundedOutbox } from './bounded-outbox.js';
import { MOST_IN_FLIGHT } from './held-batches.js';
import { OPEN } from './transport.js';

/**
 * Outgoing side of a connection. Batches gather between two writes, and leave in one system call. Batches are held
 * until the kernel has accepted them, because the socket reads from the shared slabs.
 *
 * A `Flight` limits the bytes under way to the client. A grant of the flight is spent without a further check. Data
 * that does not fit waits for an acknowledgement.
 *
 * An outbox writes to the TCP socket, past `ws`, which would build a header and a queue entry for each frame. This is
 * safe while the WebSocket is OPEN, since every buffer holds whole frames. Nothing may follow a close frame.
 */
export class Outbox extends BoundedOutbox implements BatchSink {
  get room(): number {
    if (this.transport.readyState !== OPEN) return Infinity;
    const queued = this.output.writableLength;
    const free = queued === 0 ? Infinity : MOST_IN_FLIGHT - queued - this.bytes;
    return Math.min(free, this.windowRoom - this.bytes);
  }

  get isReady(): boolean {
    return this.transport.readyState !== OPEN || (this.output.writableLength === 0 && this.windowRoom > 0);
  }

  send(batch: Batch): boolean {
    const { output } = this;
    // The case of nearly every flush. The memory of a connection is cold at that time, so the code touches as little of
    // it as possible.
    const simple =
      this.count === 0 &&
      batch.buffers.length === 1 &&
      output.encrypted !== true &&
      this.transport.readyState === OPEN &&
      output.writableLength === 0 &&
      (this.#isGranted(batch.bytes) || this.#isGrantedAnew(batch.bytes));
    if (!simple) {
      if (this.room < batch.bytes) return false;
      this.add(batch);
      this.write();
      return true;
    }
    try {
      output.write(batch.buffers[0]!);
    } catch {
      this.holder().keep(batch);
      this.transport.terminate();
      return true;
    }
    const { counters } = this;
    counters.socketWrites++;
    counters.bytes += batch.bytes;
    counters.deliveries += batch.publications;
    if (batch.gaps !== undefined) counters.told(batch.gaps);
    if (output.writableLength > 0) this.holder().keepUntilDrained(batch);
    this.grant -= batch.bytes;
    return true;
  }

  gather(batch: Batch, later: BatchSink[]): boolean {
    if (!this.#admits(batch.bytes) && this.room < batch.bytes) return false;
    if (this.add(batch)) later.push(this);
    return true;
  }

  /** Tells whether the grant has room for further bytes, in the case of nearly every flush. */
  #admits(bytes: number): boolean {
    // The first batch of the flush has looked at the socket, which has got nothing since.
    if (this.isFree) return this.#isGranted(this.bytes + bytes);
    if (this.count > 0 || this.transport.readyState !== OPEN || this.output.writableLength > 0) return false;
    return (this.isFree = this.#isGranted(bytes) || this.#isGrantedAnew(bytes));
  }

  add(batch: Batch): boolean {
    if (this.transport.readyState !== OPEN) return false;
    batch.retain();
    (this.pending ??= [])[this.count] = batch;
    this.bytes += batch.bytes;
    return this.count++ === 0;
  }

  write(joiner?: BatchJoiner): void {
    if (this.count === 0) return;
    const bytes = this.bytes;
    const queued = this.output.writableLength;
    const isFree = queued === 0 && !this.isWaiting;
    if (!isFree && !this.holder().admits(this.unsent, this.asked, this.deps.maxUnsentBytes)) {
      // At this point only a write to the kernel shows whether the client reads at all.
      if (queued === 0) return this.writeLast();
      this.drop();
      return this.deps.tooSlow();
    }
    if (isFree && this.count > 1 && joiner !== undefined) this.#join(joiner);
    if (this.#isGranted(bytes)) {
      this.grant -= bytes;
      this.writeGathered();
    } else this.#writeBeyond(bytes);
  }

  /** Puts one batch in the place of the gathered ones. */
  #join(joiner: BatchJoiner): void {
    const pending = this.pending!;
    const joined = joiner.join(pending, this.count, this.bytes);
    if (joined === undefined) return;
    joined.retain();
    for (let i = 0; i < this.count; i++) {
      pending[i]!.release();
      pending[i] = undefined;
    }
    pending[0] = joined;
    this.count = 1;
  }

  /**
   * Tells whether so many bytes may be written without a further check. False for the last write that fits, because a
   * ping may go with it.
   */
  #isGranted(bytes: number): boolean {
    return (this.line === undefined ? bytes : 2 * bytes) <= this.grant;
  }

  /** Begins a new grant with room for so many bytes. Returns false if this needs a ping or a wait. */
  #isGrantedAnew(bytes: number): boolean {
    const { line } = this;
    if (line === undefined || line.waiting > 0 || line.onEmpty !== undefined) return false;
    const { flight } = this.settled();
    const now = this.deps.clock.now();
    if (!flight.isCovered(bytes, now)) return false;
    this.grant = flight.grant(now);
    return this.#isGranted(bytes);
  }

  /**
   * Writes the gathered batches at the end of a grant: whole, with any ping in the same system call, or as far as they
   * fit.
   */
  #writeBeyond(bytes: number): void {
    if (this.transport.readyState !== OPEN) return this.drop();
    const line = this.settled();
    const now = this.deps.clock.now();
    if (line.waiting > 0 || !line.flight.takesWhole(bytes, now)) return this.writeWithin();
    const { flight } = line;
    const isBurst = flight.unmarked === 0;
    flight.wrote(bytes);
    const ping = flight.isCovered(bytes, now) ? undefined : line.mark(isBurst);
    this.renew(line);
    this.writeGathered(ping);
  }
}
