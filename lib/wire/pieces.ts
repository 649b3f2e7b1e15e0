/** Pieces of a part of a batch. */
export class Pieces {
  readonly buffers: Buffer[] = [];
  /** Number of publications among the added frames. */
  publications = 0;

  /** @param room bytes that may be added; the first frame may exceed them */
  constructor(public room: number) {}

  get empty(): boolean {
    return this.buffers.length === 0;
  }

  add(buffer: Buffer): void {
    if (buffer.length > 0) this.buffers.push(buffer);
    this.room -= buffer.length;
  }
}
