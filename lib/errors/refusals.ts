import { StacklessError } from './stackless-error.js';

/**
 * The codes of error frames, `{"event":"error","data":{"code",…}}`: what a client is told when a message of
 * it was refused. `docs/errors.md` explains each. A handler that throws an `HttpException` is answered with
 * the name of its status (`NOT_FOUND`, `CONFLICT`, …) instead.
 */
export const REFUSALS = {
  BAD_MESSAGE:
    'The message must be a JSON object with an "event" string and, if any, an "id" that is a number or a short string.',
  UNKNOWN_EVENT: 'No handler for this event.',
  BAD_TOPIC: 'The message must name a valid "topic", or "topics" as an array of them.',
  UNKNOWN_TOPIC: 'There is no such topic here.',
  BAD_RATE: '"maxRate" must be a number of at least 1/60, on a topic that conflates.',
  TOO_MANY_TOPICS: 'Too many topics on one connection.',
  RATE_LIMITED: 'Too many messages.',
  TOO_MANY_STREAMS: 'Too many streams on one connection; cancel one of them.',
  BUSY: 'The server is busy; try again later.',
  BAD_TOKEN: 'The "token" must be a string of 1 to 8192 visible ASCII characters.',
  UNAUTHORIZED: 'The credentials are missing, wrong or expired.',
  FORBIDDEN: 'Forbidden resource.',
  EXCEPTION: 'The request failed.',
  SOURCE_FAILED: 'The source of the topic failed; subscribing again starts it anew.',
  INTERNAL: 'Internal error.',
} as const;

/** A code of an error frame that the library itself gives. */
export type RefusalCode = keyof typeof REFUSALS;

/** Error thrown inside the gateway to answer a message with an error frame. */
export class Refusal extends StacklessError {
  constructor(
    readonly code: RefusalCode,
    readonly topic?: string,
  ) {
    super(REFUSALS[code]);
    this.name = 'Refusal';
  }
}
