/** Places of the frames of a batch, found by bisection. */
export class FramePlaces {
  readonly #buffers: readonly Buffer[];
  /** Start of each frame among the bytes of the batch, and the end of the last one. */
  readonly #starts: number[] = [0];
  /** Start of each buffer among the bytes of the batch. */
  readonly #edges: number[] = [];

  /**
   * @param buffers whole frames in order
   * @param sizes bytes of each frame
   */
  constructor(buffers: readonly Buffer[], sizes: readonly number[]) {
    this.#buffers = buffers;
    let start = 0;
    for (const size of sizes) this.#starts.push((start += size));
    let edge = 0;
    for (const { length } of buffers) {
      this.#edges.push(edge);
      edge += length;
    }
  }

  /** Returns the end of the frames from `first` on that fit into `room` bytes; `first` if none fits. */
  reach(first: number, room: number): number {
    return Math.max(firstAbove(this.#starts, this.#starts[first]! + room) - 1, first);
  }

  /** Returns views of the frames from `first` up to but without `end`. */
  views(first: number, end: number): Buffer[] {
    const views: Buffer[] = [];
    const stop = this.#starts[end]!;
    let from = this.#starts[first]!;
    for (let buffer = firstAbove(this.#edges, from) - 1; from < stop; buffer++) {
      const edge = this.#edges[buffer]!;
      const view = this.#buffers[buffer]!.subarray(from - edge, stop - edge);
      views.push(view);
      from += view.length;
    }
    return views;
  }
}

/** Returns the index of the first number above `value` in ascending numbers; their count if there is none. */
export function firstAbove(numbers: readonly number[], value: number): number {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (numbers[middle]! > value) high = middle;
    else low = middle + 1;
  }
  return low;
}
