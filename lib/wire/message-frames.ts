import { Batch } from './batch.js';
import { firstAbove, FramePlaces } from './frame-places.js';
import { type Gap, gapEntry, type GapReason, type LogEntry } from './log-entry.js';
import { framesOf, type Origin, type WireFormat } from './wire-format.js';

/** Part of a batch, and the cursor of a connection that gets it. */
export interface Part {
  /** Frames of the part, owned by the caller. */
  readonly batch: Batch;
  /** Offset after which the next part begins. */
  readonly cursor: number;
}

const NONE: readonly number[] = [];

/**
 * Batch with a frame for each entry, from which any part can be taken in the same memory. So connections that are
 * excluded from a publication, or have another cursor, cost a few views and no encoding of their own. Offsets ascend,
 * with holes for conflated publications.
 */
export class MessageFrames {
  readonly #batch: Batch;
  readonly #outgoing: Outgoing | undefined;
  readonly #format: WireFormat;
  readonly #origin: Origin;
  readonly #places: FramePlaces;
  /** Offsets of the publications. Only numbers are kept, because the log may drop their text. */
  readonly #offsets: readonly number[];
  readonly #gaps: readonly (Gap | undefined)[];

  /**
   * @param batch the publications in `format`; each use retains it
   * @param format a format with a frame for each entry
   * @param upTo cursor of a connection that has all of it, beyond the last publication if later ones were conflated
   *   away
   * @param outgoing counts the parts until their last release
   */
  constructor(
    batch: Batch,
    format: WireFormat,
    origin: Origin,
    publications: readonly LogEntry[],
    readonly upTo: number = publications.at(-1)?.offset ?? 0,
    outgoing?: Outgoing,
  ) {
    this.#outgoing = outgoing;
    this.#batch = batch;
    this.#format = format;
    // Name and epoch of this moment, because a topic may continue under another epoch.
    this.#origin = { name: origin.name, epoch: origin.epoch };
    this.#offsets = publications.map(({ offset }) => offset);
    this.#gaps = publications.map(({ gap }) => gap);
    const sizes = publications.map(publication => format.size(origin, [publication]));
    this.#places = new FramePlaces(batch.buffers, sizes);
  }

  /** Returns all frames, with gaps in place of these ascending offsets. The caller owns the result. */
  without(excepted: readonly number[]): Batch {
    return (this.after(-1, Infinity, excepted) ?? this.#whole()).batch;
  }

  /**
   * Returns the frames after offset `cursor`: whole ones, as many as fit into `limit` bytes, and at least one.
   * @param excepted ascending offsets that the connection does not get; a gap replaces each run of them. Offsets
   *   outside of the batch are ignored
   * @returns the batch itself if all of it is needed; undefined if nothing follows `cursor`, which then moves to `upTo`
   */
  after(cursor: number, limit: number, excepted: readonly number[] = NONE): Part | undefined {
    const end = this.#offsets.length;
    let at = firstAbove(this.#offsets, cursor);
    if (at === end) return undefined;
    const pieces = new Pieces(limit);
    const gap = this.#gaps[at];
    // A client whose cursor is inside a gap was told its beginning.
    if (gap !== undefined && gap.from <= cursor) this.#addGap(pieces, cursor + 1, ++at, gap.reason);
    let run = this.#nextRun(excepted, at);
    if (run === undefined && at === 0 && (this.#batch.bytes <= limit || end === 1)) return this.#whole();
    while (run !== undefined) {
      at = this.#addFrames(pieces, at, run.first);
      if (at < run.first || !this.#addGap(pieces, this.#offsets[at]!, run.end, 'except')) break;
      at = run.end;
      run = this.#nextRun(excepted, at);
    }
    if (run === undefined) at = this.#addFrames(pieces, at, end);
    const part = partOf(this.#batch, pieces.buffers, this.#outgoing);
    part.publications = pieces.publications;
    part.gaps = pieces.gaps;
    return { batch: part, cursor: at === end ? this.upTo : this.#offsets[at - 1]! };
  }

  #whole(): Part {
    if (this.#outgoing === undefined) {
      this.#batch.retain();
      return { batch: this.#batch, cursor: this.upTo };
    }
    const part = partOf(this.#batch, this.#batch.buffers, this.#outgoing);
    part.publications = this.#batch.publications;
    part.gaps = this.#batch.gaps;
    return { batch: part, cursor: this.upTo };
  }

  /** Returns the next run of excepted frames from `at` on. */
  #nextRun(excepted: readonly number[], at: number): { first: number; end: number } | undefined {
    if (excepted.length === 0 || at === this.#offsets.length) return undefined;
    for (let i = firstAbove(excepted, this.#offsets[at]! - 1); i < excepted.length; i++) {
      const first = firstAbove(this.#offsets, excepted[i]! - 1);
      if (!this.#isExcepted(excepted, first)) continue;
      let end = first + 1;
      while (this.#isExcepted(excepted, end)) end++;
      return { first, end };
    }
    return undefined;
  }

  /** Tells whether a frame is excepted. An existing gap stays as it is. */
  #isExcepted(excepted: readonly number[], frame: number): boolean {
    if (this.#gaps[frame] !== undefined) return false;
    const offset = this.#offsets[frame]!;
    return excepted[firstAbove(excepted, offset) - 1] === offset;
  }

  /** Adds a gap. @param end the frame after the gap @returns false if there was no room */
  #addGap(pieces: Pieces, from: number, end: number, reason: GapReason): boolean {
    const gap = gapEntry({ from, to: this.#offsets[end - 1]!, reason });
    const frame = framesOf(this.#format, this.#origin, [gap]);
    if (!pieces.empty && frame.length > pieces.room) return false;
    pieces.add(frame);
    if (frame.length > 0) pieces.note(reason);
    return true;
  }

  /** Adds the frames from `at` up to but without `end`, while there is room. Returns the first frame left over. */
  #addFrames(pieces: Pieces, at: number, end: number): number {
    const least = pieces.empty ? at + 1 : at;
    const reached = Math.min(Math.max(this.#places.reach(at, pieces.room), least), end);
    for (const view of this.#places.views(at, reached)) pieces.add(view);
    for (let i = at; i < reached; i++) pieces.note(this.#gaps[i]?.reason);
    return reached;
  }
}

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
  const part = new Batch(views, undefined, onSent, whole);
  outgoing?.add(part);
  return part;
}
