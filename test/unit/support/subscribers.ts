import type { Subscriber } from '../../../lib/topic/subscription.js';
import type { Batch, BatchSink } from '../../../lib/wire/batch.js';
import { plainJson, type WireFormat } from '../../../lib/wire/json-format.js';
import { publicationsIn } from './frames.js';

/** A sink that keeps its batches until a test lets go of them. */
export class HandSink implements BatchSink {
  readonly batches: Batch[] = [];
  feeds = 0;
  writes = 0;
  onWrite: (() => void) | undefined;

  send(batch: Batch): void {
    this.add(batch);
    this.write();
  }

  add(batch: Batch): boolean {
    batch.retain();
    return this.batches.push(batch) === 1;
  }

  write(): void {
    this.writes++;
    this.onWrite?.();
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
