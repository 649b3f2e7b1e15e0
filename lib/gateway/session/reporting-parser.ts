import type { ErrorLog } from '../../observe/sampled-errors.js';
import { isTextPing } from '../../protocol/json-messages.js';
import type { MessageParser } from '../../protocol/protocol.js';
import { isThenable } from '../nest/wrapped-method.js';

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
