import { Batch } from './batch.js';

/** Counter of batches until they are sent. */
export interface Outgoing {
  add(batch: Batch): void;
  /** Called once for each batch, after its last release. */
  readonly onSent: (batch: Batch) => void;
}

/** Makes a batch of views into another one, kept alive as long. The caller owns the result. */
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
