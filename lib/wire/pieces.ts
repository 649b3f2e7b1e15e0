import type { GapReason } from './log-entry.js';

/** Pieces of a part of a batch. */
export class Pieces {
  readonly buffers: Buffer[] = [];
  /** Number of publications among the added frames. */
  publications = 0;
  /** Reasons of the gaps among the added frames. */
  gaps: GapReason[] | undefined;

  /** @param room bytes that may be added; the first frame may exceed them */
  constructor(public room: number) {}

  get empty(): boolean {
    return this.buffers.length === 0;
  }

  /** Counts an added frame. @param gap reason, if the frame is a gap */
  note(gap: GapReason | undefined): void {
    if (gap === undefined) this.publications++;
    else (this.gaps ??= []).push(gap);
  }

  add(buffer: Buffer): void {
    if (buffer.length > 0) this.buffers.push(buffer);
    this.room -= buffer.length;
  }
}
