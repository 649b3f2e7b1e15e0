import { Refusal } from '../../errors/refusals.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { Incoming } from './inbound.js';
import { isThenable } from '../nest/wrapped-method.js';

/** A client's message after parsing. */
export interface Message {
  readonly event: string;
  readonly id: MessageId | undefined;
  readonly data: unknown;
}

/**
 * Message for the text `ping`, which is not JSON. Clients with their own keep-alive send it, and expect the text
 * `pong`.
 */
export const TEXT_PING: Message = { event: 'ping', id: undefined, data: undefined };

/** Id that a client gives to its request, to find the answer. */
export type MessageId = string | number;

/** Longest id that is sent back, so that it fits into an error frame. */
const MAX_ID_LENGTH = 64;

/**
 * Parser for `FanoutAdapter.setMessageParser()`: turns a frame into a message. Returning undefined or null drops the
 * frame.
 */
export type MessageParser = (
  data: Incoming,
) => { event: string; id?: MessageId | null; data?: unknown } | null | void;

export const jsonParser: MessageParser = data =>
  JSON.parse(typeof data === 'string' ? data : String(data)) as Message;

/** Wraps a parser of the application to log its errors. The client learns only that the message was refused. */
export function reportingParser(parser: MessageParser, errors: ErrorLog): MessageParser {
  return data => {
    try {
      // Null drops the frame, as under `WsAdapter`. With the default parser a client could send null, as JSON.
      return assertDirect(parser(data)) ?? undefined;
    } catch (error) {
      if (!isTextPing(data))
        errors.error(error, 'the message parser failed, so the message is answered BAD_MESSAGE');
      throw error;
    }
  };
}

/**
 * Returns the result of a parser.
 * @throws TypeError for a promise, because the client's next message must not overtake this one
 */
function assertDirect<T>(parsed: T): T {
  if (!isThenable(parsed)) return parsed;
  // A rejection of this promise would end the process, because nothing awaits it.
  Promise.resolve(parsed).catch(() => {});
  throw new TypeError('The message parser must return the message itself; got a promise.');
}

/**
 * Reads the message in a frame; undefined when the parser dropped it. A `ping` that the parser cannot read is {@link
 * TEXT_PING}.
 * @throws Refusal BAD_MESSAGE
 */
export function readMessage(parser: MessageParser, frame: Incoming): Message | undefined {
  // Avoids the error of `JSON.parse`, because some clients send `ping` each second.
  if (parser === jsonParser && isTextPing(frame)) return TEXT_PING;
  let parsed: unknown = null;
  try {
    parsed = parser(frame);
  } catch {
    // The frame is not a message, like any other result that is not one.
  }
  if (parsed === undefined) return undefined;
  const { event, id, data } = (
    typeof parsed === 'object' && parsed !== null ? parsed : {}
  ) as Partial<Message>;
  if (typeof event === 'string' && isMessageId(id)) return { event, id: id ?? undefined, data };
  if (isTextPing(frame)) return TEXT_PING;
  throw new Refusal('BAD_MESSAGE');
}

/** Tells whether a frame is exactly the text `ping`. Binary frames are read as text. */
function isTextPing(frame: Incoming): boolean {
  if (typeof frame === 'string') return frame === 'ping';
  return Buffer.isBuffer(frame) && frame.length === 4 && frame.toString('latin1') === 'ping';
}

function isMessageId(id: unknown): boolean {
  return (
    id === undefined ||
    id === null ||
    Number.isSafeInteger(id) ||
    (typeof id === 'string' && id.length <= MAX_ID_LENGTH)
  );
}
