import { headerSize, writeText, writeTextHeader } from './frame.js';
import type { LogEntry } from './log-entry.js';

/**
 * How the publications of one topic, and the gaps between them, become frames. Connections of one format share every batch.
 * A format is a pair of functions that agree: `write` fills exactly the bytes that `size` foretold.
 */
export interface WireFormat {
  /** The subprotocol that asks for it, or '' for clients that ask for none. */
  readonly protocol: string;
  /** The format whose frames this one compresses where that pays; undefined for those that compress nothing. */
  readonly deflates: WireFormat | undefined;
  /** Bytes the publications take on the wire. */
  size(topic: string, publications: readonly LogEntry[]): number;
  /** Writes their frames from `at` on; returns the position after them. */
  write(buffer: Buffer, at: number, topic: string, publications: readonly LogEntry[]): number;
}

const AFTER_OFFSET = ',"data":';
const beforeOffset = (topic: string): string => `{"topic":"${topic}","offset":`;

/** Topic names are ASCII, so their length is their size. */
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
  // One piece of text and one call: a second call into the buffer costs more than joining the two.
  return writeText(buffer, at, `${head}${json}}`, head.length + bytes + 1);
}

/** Every publication is a text frame of its own: what ten lines of browser code understand. */
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

/** A whole batch is one text frame that holds a JSON array; a single publication stays a frame without an array. */
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

/** The format of a connection, by the subprotocol that the handshake settled on. */
export function formatOf(protocol: string): WireFormat {
  return FORMATS.find(format => format.protocol === protocol) ?? plainJson;
}

const DEFLATED = new Map(FORMATS.map(format => [format, { ...format, deflates: format }]));

/** The same format for connections that can read frames deflated once for all. */
export function deflated(format: WireFormat): WireFormat {
  return DEFLATED.get(format) ?? format;
}
