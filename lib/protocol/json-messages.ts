import { Refusal } from '../errors/refusals.js';
import type { Command, Incoming, MessageParser } from './protocol.js';

/** Events of messages about a topic. A gateway with topics cannot handle these events itself. */
export const TOPIC_EVENTS: readonly string[] = ['subscribe', 'unsubscribe'];

/** Event of a client that renews its credentials. A gateway with handshake guards cannot handle this event itself. */
export const RENEWAL_EVENTS: readonly string[] = ['refresh'];

/** Command for the text `ping`, which is not JSON. Clients with their own keep-alive send it, and expect the text `pong`. */
export const TEXT_PING: Command = { kind: 'ping', event: undefined, id: undefined, data: undefined };

/** Longest id that is sent back, so that it fits into an error frame. */
const MAX_ID_LENGTH = 64;

/** Parser of JSON text, the default. */
export const jsonParser: MessageParser = data =>
  JSON.parse(typeof data === 'string' ? data : String(data)) as ReturnType<MessageParser>;

/**
 * Reads the command in a frame; undefined when the parser dropped the frame. A `ping` that the parser cannot read is
 * {@link TEXT_PING}.
 * @throws Refusal BAD_MESSAGE
 */
export function readCommand(parser: MessageParser, frame: Incoming): Command | undefined {
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
  ) as Partial<Command>;
  if (typeof event === 'string' && isMessageId(id)) {
    return { kind: kindOf(event), event, id: id ?? undefined, data };
  }
  if (isTextPing(frame)) return TEXT_PING;
  throw new Refusal('BAD_MESSAGE');
}

function kindOf(event: string): Command['kind'] {
  switch (event) {
    case 'subscribe':
    case 'unsubscribe':
    case 'refresh':
    case 'cancel':
    case 'ping':
      return event;
    default:
      return 'call';
  }
}

/** Tells whether a frame is exactly the text `ping`. Binary frames are read as text. */
export function isTextPing(frame: Incoming): boolean {
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
