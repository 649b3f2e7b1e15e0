import { headerSize, writeText, writeTextHeader } from '../wire/frame.js';
import type { LogEntry } from '../wire/log-entry.js';
import type { Origin, WireFormat } from '../wire/wire-format.js';
import { gapText } from './json-gap.js';

const AFTER_OFFSET = ',"data":';
const beforeOffset = (topic: string): string => `{"topic":"${topic}","offset":`;

/** Bytes around one payload, without the topic's name: keys, braces, an offset of up to 16 digits and a frame header. */
const AROUND = 64;

/** Bytes of a gap without the topic's name and epoch: keys, braces, three offsets, the reason and a frame header. */
const GAP = 160;

/** Bytes of an entry without a frame header. Topic names and gaps are ASCII, so their length is their size. */
function entrySize(origin: Origin, { offset, bytes, gap }: LogEntry): number {
  if (gap !== undefined) return gapText(origin, gap).length;
  return beforeOffset(origin.name).length + String(offset).length + AFTER_OFFSET.length + bytes + 1;
}

function writeEntry(
  buffer: Buffer,
  at: number,
  origin: Origin,
  { offset, json, bytes, gap }: LogEntry,
): number {
  if (gap !== undefined) return writeGap(buffer, at, gapText(origin, gap));
  const head = beforeOffset(origin.name) + offset + AFTER_OFFSET;
  // One text and one call: a second call into the buffer costs more than joining the two texts.
  return writeText(buffer, at, `${head}${json}}`, head.length + bytes + 1);
}

function writeGap(buffer: Buffer, at: number, text: string): number {
  return writeText(buffer, at, text, text.length);
}

function around({ name }: Origin): number {
  return name.length + AROUND;
}

function mostForGap({ name, epoch }: Origin): number {
  return name.length + epoch.length + GAP;
}

/** Format with one text frame for each publication, readable with ten lines of browser code. */
export const plainJson: WireFormat = {
  single: undefined,
  deflates: undefined,
  endsAtLoss: false,
  around,
  mostForGap,
  size(origin, entries) {
    let size = 0;
    for (const entry of entries) {
      const length = entrySize(origin, entry);
      size += headerSize(length) + length;
    }
    return size;
  },
  write(buffer, at, origin, entries) {
    for (const entry of entries) {
      const start = writeTextHeader(buffer, at, entrySize(origin, entry));
      at = writeEntry(buffer, start, origin, entry);
    }
    return at;
  },
};

/**
 * Format with one text frame for a whole batch, which holds a JSON array. A single publication is a frame without an
 * array.
 */
export const batchedJson: WireFormat = {
  single: plainJson,
  deflates: undefined,
  endsAtLoss: false,
  around,
  mostForGap,
  size(origin, entries) {
    const length = arraySize(origin, entries);
    return headerSize(length) + length;
  },
  write(buffer, at, origin, entries) {
    if (entries.length === 1) return plainJson.write(buffer, at, origin, entries);
    at = writeTextHeader(buffer, at, arraySize(origin, entries));
    let separator = 0x5b; // [
    for (const entry of entries) {
      buffer[at] = separator;
      at = writeEntry(buffer, at + 1, origin, entry);
      separator = 0x2c; // ,
    }
    buffer[at] = 0x5d; // ]
    return at + 1;
  },
};

function arraySize(origin: Origin, entries: readonly LogEntry[]): number {
  if (entries.length === 1) return entrySize(origin, entries[0]!);
  let size = 1;
  for (const entry of entries) size += entrySize(origin, entry) + 1;
  return size;
}
