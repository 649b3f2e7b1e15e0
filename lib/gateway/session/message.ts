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

/** Stands for the text `ping`, which is no JSON. Clients with a keep-alive of their own send it, and wait for the text `pong`. */
export const TEXT_PING: Message = { event: 'ping', id: undefined, data: undefined };

/** What a client may call its request, to know the answer by. */
export type MessageId = string | number;

/** Longest id that is sent back: an error frame must hold it. */
const MAX_ID_LENGTH = 64;

/** Parser for `FanoutAdapter.setMessageParser()`: turns a frame into a message. Undefined or null drops the frame. */
export type MessageParser = (
  data: Incoming,
) => { event: string; id?: MessageId | null; data?: unknown } | null | void;

export const jsonParser: MessageParser = data =>
  JSON.parse(typeof data === 'string' ? data : String(data)) as Message;

/** A parser of the application with its errors logged: the client is only told that the message was refused. */
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

/** @throws TypeError for a promise: the next message of the client must not overtake this one */
function assertDirect<T>(parsed: T): T {
  if (!isThenable(parsed)) return parsed;
  // A rejection of this promise would end the process, because nothing awaits it.
  Promise.resolve(parsed).catch(() => {});
  throw new TypeError('The message parser must return the message itself; got a promise.');
}

/**
 * The message in a frame, or undefined when the parser dropped it. A `ping` that the parser does not read is {@link TEXT_PING}.
 * @throws Refusal BAD_MESSAGE
 */
export function readMessage(parser: MessageParser, frame: Incoming): Message | undefined {
  // Spares the error of `JSON.parse`: some clients ask each second.
  if (parser === jsonParser && isTextPing(frame)) return TEXT_PING;
  let parsed: unknown = null;
  try {
    parsed = parser(frame);
  } catch {
    // The frame is no message, as with any other result that is none.
  }
  if (parsed === undefined) return undefined;
  const { event, id, data } = (
    typeof parsed === 'object' && parsed !== null ? parsed : {}
  ) as Partial<Message>;
  if (typeof event === 'string' && isMessageId(id)) return { event, id: id ?? undefined, data };
  if (isTextPing(frame)) return TEXT_PING;
  throw new Refusal('BAD_MESSAGE');
}

/** Whether a frame is the text `ping` and nothing else. Binary frames are read as text. */
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
