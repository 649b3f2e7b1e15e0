import type { Subscriber } from '../../../lib/topic/subscription.js';
import type { Batch, BatchSink } from '../../../lib/wire/batch.js';
import { plainJson } from '../../../lib/protocol/json-formats.js';
import type { WireFormat } from '../../../lib/wire/wire-format.js';
import { parseFrames, publicationsIn } from './frames.js';

/** A sink that keeps its batches until a test lets go of them, and has the room that a test says. */
export class HandSink implements BatchSink {
  readonly batches: Batch[] = [];
  subscriptionCount = 0;
  room = Infinity;
  left = 0;
  lag = 0;
  rate = Infinity;
  writes = 0;
  /** Times it was asked to tell when it has drained. */
  awaited = 0;
  onWrite: (() => void) | undefined;
  /** Times it was closed as too slow. */
  slow = 0;
  onSlow: (() => void) | undefined;
  /** Times it was ended for others. */
  evictions = 0;
  onEvict: (() => void) | undefined;

  /** Bytes that it was given and that a test has not let go of. */
  get unsent(): number {
    return this.batches.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  get isReady(): boolean {
    return this.room === Infinity;
  }

  get isStuck(): boolean {
    return this.unsent > 0;
  }

  send(batch: Batch): boolean {
    if (this.room < batch.bytes) return false;
    this.add(batch);
    this.write();
    return true;
  }

  gather(batch: Batch, later: BatchSink[]): boolean {
    if (this.room < batch.bytes) return false;
    if (this.add(batch)) later.push(this);
    return true;
  }

  add(batch: Batch): boolean {
    batch.retain();
    return this.batches.push(batch) === 1;
  }

  write(): void {
    this.writes++;
    this.onWrite?.();
  }

  awaitDrain(): void {
    this.awaited++;
  }

  tooSlow(): void {
    this.slow++;
    this.onSlow?.();
  }

  evict(): void {
    this.evictions++;
    this.onEvict?.();
  }

  /** All frames it was given, publications and events. */
  get frames(): any[] {
    return this.batches
      .flatMap(({ buffers }) => parseFrames(Buffer.concat(buffers)))
      .map(({ payload }) => JSON.parse(String(payload)) as unknown);
  }

  get publications(): { topic: string; offset: number; data: any }[] {
    return this.batches.flatMap(({ buffers }) => publicationsIn(Buffer.concat(buffers)));
  }

  /** What it was given, released. */
  release(): void {
    for (const batch of this.batches.splice(0)) batch.release();
  }
}

export interface HandSubscriber extends Subscriber {
  readonly sink: HandSink;
}

let count = 0;

export function subscriber(format: WireFormat = plainJson): HandSubscriber {
  return { id: `connection-${++count}`, format, sink: new HandSink(), subscriptions: new Map() };
}
