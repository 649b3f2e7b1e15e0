import { REFUSALS, type RefusalCode } from '../errors/refusals.js';
import type { ErrorFrame, MessageId } from './frames.js';
import type { ErrorAnswer } from './protocol.js';

/**
 * Most bytes of an error frame's payload without its details, so that a client that provokes errors does not receive more
 * than it sends. The details come from the application only, and have a limit of their own.
 */
const MAX_BYTES = 512;

/** Frames for messages that were refused unread, made once, because a flood causes many. */
const UNREAD = new Map(
  Object.entries(REFUSALS).map(([code, message]) => [
    code,
    JSON.stringify({ event: 'error', data: { code, message } } satisfies ErrorFrame),
  ]),
);

/** The error frame for a message without an id, about no topic. */
export function unreadText(code: RefusalCode): string {
  return UNREAD.get(code)!;
}

/** Makes the text of an error frame, cut to its limits. */
export function errorText(id: MessageId | undefined, answer: ErrorAnswer): string {
  const text = shortened(id, answer);
  // A long topic and an id full of escapes can fill the frame. The topic is left out, because the id finds the request.
  const base = Buffer.byteLength(text) > MAX_BYTES ? shortened(id, { ...answer, topic: undefined }) : text;
  return answer.details === undefined ? base : withDetails(base, answer.details);
}

/** Adds details to a frame. @param base a frame that ends with its data */
function withDetails(base: string, { json, truncated }: NonNullable<ErrorAnswer['details']>): string {
  const details = json === undefined ? '' : `,"details":${json}`;
  return `${base.slice(0, -2)}${details}${truncated ? ',"truncated":true' : ''}}}`;
}

function shortened(id: MessageId | undefined, { code, message, topic }: ErrorAnswer): string {
  const frame = (text: string): string =>
    JSON.stringify({ event: 'error', id, data: { code, message: text, topic } });
  let text = frame(message);
  for (let length = MAX_BYTES; Buffer.byteLength(text) > MAX_BYTES && length > 0;) {
    length >>= 1;
    text = frame(length > 0 ? `${message.slice(0, length)}…` : '');
  }
  return text;
}
