import { textFrame } from '../../lib/wire/frame.js';
import { parseFrames } from '../support/unit/frames.js';

const WHOLE_TEXT = 0x81;

/** Bytes with each text frame among them replaced by others. Whatever is not whole text, or compressed, stays as it is. */
export function reframed(data: Uint8Array, edit: (text: string) => readonly string[]): Uint8Array {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  // A message that is compressed has a reserved bit set, and one that is cut lacks the last bit.
  if (bytes[0] !== WHOLE_TEXT) return data;
  const texts = textsOf(bytes);
  if (texts === undefined) return data;
  const edited = texts.map(edit);
  // What is not changed keeps its memory, which others share.
  if (edited.every((parts, i) => parts.length === 1 && parts[0] === texts[i])) return data;
  return Buffer.concat(edited.flat().map(textFrame));
}

/** The text of a message with each of its frames replaced by others: a batch is an array of them. */
export function jsonOf(text: string, edit: (frame: any) => readonly unknown[]): readonly string[] {
  const message: unknown = JSON.parse(text);
  const before: readonly unknown[] = Array.isArray(message) ? message : [message];
  const frames = before.flatMap(edit);
  if (frames.length === before.length && frames.every((frame, i) => frame === before[i])) return [text];
  if (!Array.isArray(message)) return frames.map(frame => JSON.stringify(frame));
  return frames.length === 0 ? [] : [JSON.stringify(frames)];
}

/** Undefined for what only looks like frames: a part of a message. */
function textsOf(bytes: Buffer): string[] | undefined {
  try {
    return parseFrames(bytes).map(({ payload }) => payload.toString());
  } catch {
    return undefined;
  }
}
