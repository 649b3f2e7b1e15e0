/** What a part is put together from. */
export class Pieces {
  readonly buffers: Buffer[] = [];

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
