import type { Batch, BatchSink } from '../wire/batch.js';
import { BoundedOutbox } from './bounded-outbox.js';
import { MOST_IN_FLIGHT } from './held-batches.js';
import { OPEN } from './socket-port.js';

/**
 * The outgoing side of a connection. Batches gather between two writes and leave in one system call; until the
 * kernel has taken them they are held, because the socket reads from the shared slabs.
 *
 * What is under way to the client is bounded by its `Flight`. A grant of it is spent without a further look; what goes
 * beyond waits for an acknowledgement.
 *
 * It writes to the TCP socket, past `ws`, which would build a header and a queue entry for each frame. That is safe
 * while the WebSocket is OPEN (nothing may follow a close frame), since every buffer holds whole frames.
 */
export class Outbox extends BoundedOutbox implements BatchSink {
  get room(): number {
    if (this.ws.readyState !== OPEN) return Infinity;
    const queued = this.socket.writableLength;
    const free = queued === 0 ? Infinity : MOST_IN_FLIGHT - queued - this.bytes;
    return Math.min(free, this.windowRoom - this.bytes);
  }

  get isReady(): boolean {
    return this.ws.readyState !== OPEN || (this.socket.writableLength === 0 && this.windowRoom > 0);
  }

  send(batch: Batch): boolean {
    const socket = this.socket;
    // What nearly every flush meets. The memory of a connection is cold when a flush comes to it, so no more of it is
    // touched than must be.
    const simple =
      this.count === 0 &&
      this.#isGranted(batch.bytes) &&
      batch.buffers.length === 1 &&
      socket.encrypted !== true &&
      this.ws.readyState === OPEN &&
      socket.writableLength === 0;
    if (!simple) {
      if (this.room < batch.bytes) return false;
      this.add(batch);
      this.write();
      return true;
    }
    try {
      socket.write(batch.buffers[0]!);
    } catch {
      this.holder().keep(batch);
      this.ws.terminate();
      return true;
    }
    if (socket.writableLength > 0) this.holder().keepUntilDrained(batch);
    this.grant -= batch.bytes;
    return true;
  }

  add(batch: Batch): boolean {
    if (this.ws.readyState !== OPEN) return false;
    batch.retain();
    (this.pending ??= [])[this.count] = batch;
    this.bytes += batch.bytes;
    return this.count++ === 0;
  }

  write(): void {
    if (this.count === 0) return;
    const bytes = this.bytes;
    const queued = this.socket.writableLength;
    const isFree = queued === 0 && !this.isWaiting;
    if (!isFree && !this.holder().admits(this.unsent, this.asked, this.owner.maxUnsentBytes)) {
      // Only the kernel knows now whether the peer reads at all.
      if (queued === 0) return this.writeLast();
      this.drop();
      return this.owner.tooSlow();
    }
    if (this.#isGranted(bytes)) {
      this.grant -= bytes;
      this.writeGathered();
    } else this.#writeBeyond(bytes);
  }

  /** Whether so many bytes may be written without a look. A ping goes with the last write that has room for it. */
  #isGranted(bytes: number): boolean {
    return (this.line === undefined ? bytes : 2 * bytes) <= this.grant;
  }

  /** Writes what was gathered where the grant ends: with a ping in the same system call, or as far as it may be under way. */
  #writeBeyond(bytes: number): void {
    if (this.ws.readyState !== OPEN) return this.drop();
    const line = this.settled();
    const now = this.owner.clock.now();
    if (line.waiting > 0 || !line.flight.takesWhole(bytes, now)) return this.writeWithin();
    const { flight } = line;
    const isBurst = flight.unmarked === 0;
    flight.wrote(bytes);
    const ping = flight.isCovered(bytes, now) ? undefined : line.mark(isBurst);
    this.renew(line);
    this.writeGathered(ping);
  }
}
