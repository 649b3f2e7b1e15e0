import { firstAbove } from './sorted-search.js';

/** Where the frames of a batch are, by their place in it: found by bisection, however many there are. */
export class FramePlaces {
  readonly #buffers: readonly Buffer[];
  /** Where each frame begins among the bytes of the batch, and where the last one ends. */
  readonly #starts: number[] = [0];
  /** Where each buffer begins among the bytes of the batch. */
  readonly #edges: number[] = [];

  /**
   * @param buffers the frames, none cut in two
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

  /** The frame after the last one that goes into `room` bytes with all those from `first` on; `first` if not even that does. */
  reach(first: number, room: number): number {
    return Math.max(firstAbove(this.#starts, this.#starts[first]! + room) - 1, first);
  }

  /** The frames from `first` up to but without `end`, in place. */
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
