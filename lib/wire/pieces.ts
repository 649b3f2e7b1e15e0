/** What a part is put together from. */
export class Pieces {
  readonly buffers: Buffer[] = [];
  /** Number of publications among the frames that were added. */
  publications = 0;

  /** @param room bytes that may be added; the first frame is, whatever its size */
  constructor(public room: number) {}

  get empty(): boolean {
    return this.buffers.length === 0;
  }

  add(buffer: Buffer): void {
    this.buffers.push(buffer);
    this.room -= buffer.length;
  }
}
