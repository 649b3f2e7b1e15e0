import { textFrame } from '../../lib/wire/frame.js';
import { parseFrames } from '../unit/support/frames.js';

const TEXT = 1;

/** Bytes with each text frame among them replaced by others. Whatever is not text, or compressed, stays as it is. */
export function reframed(data: Uint8Array, edit: (text: string) => readonly string[]): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  // A message that is compressed has a reserved bit set.
  if (bytes.length === 0 || (bytes[0]! & 0x7f) !== TEXT) return data;
  const frames = parseFrames(bytes).flatMap(({ payload }) => edit(payload.toString()).map(textFrame));
  return Buffer.concat(frames);
}

/** The text of a message with each of its frames replaced by others: a batch is an array of them. */
export function jsonOf(text: string, edit: (frame: any) => readonly unknown[]): readonly string[] {
  const message: unknown = JSON.parse(text);
  if (!Array.isArray(message)) return edit(message).map(frame => JSON.stringify(frame));
  const frames = message.flatMap(edit);
  return frames.length === 0 ? [] : [JSON.stringify(frames)];
}
