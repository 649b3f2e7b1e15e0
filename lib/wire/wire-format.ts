import type { LogEntry } from './log-entry.js';

/** Part of a topic that a format writes. */
export interface Origin {
  readonly name: string;
  /** Name of the log. Offsets of another epoch do not apply to it. */
  readonly epoch: string;
}

/**
 * Encoding of the publications and gaps of a topic into frames. Connections of one format share every batch. `write`
 * fills exactly the number of bytes returned by `size`. A format may write nothing for gaps, so that its clients never
 * learn of them.
 */
export interface WireFormat {
  /**
   * Format with a frame of its own for each entry, so that a client may be given any of these frames; undefined if this
   * format has them itself.
   */
  readonly single: WireFormat | undefined;
  /** Format whose frames this one compresses if that saves bytes; undefined for uncompressed formats. */
  readonly deflates: WireFormat | undefined;
  /** True if a loss of publications ends the subscription instead of a gap. Its client then subscribes again. */
  readonly endsAtLoss: boolean;
  /** Most bytes around the payload of a publication, with a frame header. */
  around(origin: Origin): number;
  /** Most bytes of a gap, with a frame header. */
  mostForGap(origin: Origin): number;
  /** Returns the bytes of the entries on the wire. */
  size(origin: Origin, entries: readonly LogEntry[]): number;
  /** Writes the frames from `at` on. Returns the position after them. */
  write(buffer: Buffer, at: number, origin: Origin, entries: readonly LogEntry[]): number;
}

/** Returns the format with a frame of its own for each entry. */
export function singleOf(format: WireFormat): WireFormat {
  return format.single ?? format;
}

const DEFLATED = new WeakMap<WireFormat, WireFormat>();

/** Returns the same format for connections that can read frames compressed once for all. */
export function deflated(format: WireFormat): WireFormat {
  let twin = DEFLATED.get(format);
  if (twin === undefined)
    DEFLATED.set(format, (twin = { ...format, single: singleOf(format), deflates: format }));
  return twin;
}

/** Returns the frames of the entries in memory of their own. */
export function framesOf(format: WireFormat, origin: Origin, entries: readonly LogEntry[]): Buffer {
  const buffer = Buffer.allocUnsafe(format.size(origin, entries));
  format.write(buffer, 0, origin, entries);
  return buffer;
}
