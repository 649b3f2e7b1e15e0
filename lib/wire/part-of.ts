import { Batch } from './batch.js';

/** Counts batches until they are sent. */
export interface Outgoing {
  add(batch: Batch): void;
  /** Called once for each of them, when its last holder has let go. */
  readonly onSent: (batch: Batch) => void;
}

/** A batch of views into another one, which lives as long as it does. Owned by the caller. */
export function partOf(whole: Batch, views: readonly Buffer[], outgoing?: Outgoing): Batch {
  whole.retain();
  const onSent = (part: Batch): void => {
    whole.release();
    outgoing?.onSent(part);
  };
  const part = new Batch(views, undefined, [], onSent, whole);
  outgoing?.add(part);
  return part;
}
