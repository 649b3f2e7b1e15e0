import { headerSize, writeText, writeTextHeader } from './frame.js';
import type { LogEntry } from './log-entry.js';

/**
 * Encoding of the publications and gaps of a topic into frames. Connections of one format share every batch. `write`
 * fills exactly the number of bytes returned by `size`.
 */
export interface WireFormat {
  /** Subprotocol that selects the format, or '' for clients without one. */
  readonly protocol: string;
  /** Format whose frames this one compresses if that saves bytes; undefined for uncompressed formats. */
  readonly deflates: WireFormat | undefined;
  /** Returns the bytes of the publications on the wire. */
  size(topic: string, publications: readonly LogEntry[]): number;
  /** Writes their frames from `at` on. Returns the position after them. */
  write(buffer: Buffer, at: number, topic: string, publications: readonly LogEntry[]): number;
}

const AFTER_OFFSET = ',"data":';
const beforeOffset = (topic: string): string => `{"topic":"${topic}","offset":`;

/** Returns the bytes of a publication. Topic names are ASCII, so their length is their size. */
function publicationSize(topic: string, { offset, bytes, gapFrom }: LogEntry): number {
  if (gapFrom !== 0) return bytes;
  return beforeOffset(topic).length + String(offset).length + AFTER_OFFSET.length + bytes + 1;
}

function writePublication(
  buffer: Buffer,
  at: number,
  topic: string,
  { offset, json, bytes, gapFrom }: LogEntry,
): number {
  if (gapFrom !== 0) return writeText(buffer, at, json, bytes);
  const head = beforeOffset(topic) + offset + AFTER_OFFSET;
  // One text and one call: a second call into the buffer costs more than joining the two texts.
  return writeText(buffer, at, `${head}${json}}`, head.length + bytes + 1);
}

/** Format with one text frame for each publication, readable with ten lines of browser code. */
export const plainJson: WireFormat = {
  protocol: '',
  deflates: undefined,
  size(topic, publications) {
    let size = 0;
    for (const publication of publications) {
      const length = publicationSize(topic, publication);
      size += headerSize(length) + length;
    }
    return size;
  },
  write(buffer, at, topic, publications) {
    for (const publication of publications) {
      const start = writeTextHeader(buffer, at, publicationSize(topic, publication));
      at = writePublication(buffer, start, topic, publication);
    }
    return at;
  },
};

/**
 * Format with one text frame for a whole batch, which holds a JSON array. A single publication is a frame without an
 * array.
 */
export const batchedJson: WireFormat = {
  protocol: 'fanout.v1.json',
  deflates: undefined,
  size(topic, publications) {
    const length = arraySize(topic, publications);
    return headerSize(length) + length;
  },
  write(buffer, at, topic, publications) {
    if (publications.length === 1) return plainJson.write(buffer, at, topic, publications);
    at = writeTextHeader(buffer, at, arraySize(topic, publications));
    let separator = 0x5b; // [
    for (const publication of publications) {
      buffer[at] = separator;
      at = writePublication(buffer, at + 1, topic, publication);
      separator = 0x2c; // ,
    }
    buffer[at] = 0x5d; // ]
    return at + 1;
  },
};

function arraySize(topic: string, publications: readonly LogEntry[]): number {
  if (publications.length === 1) return publicationSize(topic, publications[0]!);
  let size = 1;
  for (const publication of publications) size += publicationSize(topic, publication) + 1;
  return size;
}

const FORMATS: readonly WireFormat[] = [plainJson, batchedJson];

/** Returns the format of a connection, by the subprotocol chosen in the handshake. */
export function formatOf(protocol: string): WireFormat {
  return FORMATS.find(format => format.protocol === protocol) ?? plainJson;
}

const DEFLATED = new Map(FORMATS.map(format => [format, { ...format, deflates: format }]));

/** Returns the same format for connections that can read frames compressed once for all. */
export function deflated(format: WireFormat): WireFormat {
  return DEFLATED.get(format) ?? format;
}
