import { Refusal, type RefusalCode } from '../../errors/refusals.js';
import type { RejectionCause } from '../../observe/rejections.js';
import { CountedRefusal } from './counted-refusal.js';
import { GuardRefusal } from '../nest/guard-refusal.js';

/** Causes for the counters, by the codes that have one. */
const CAUSES: Partial<Record<RefusalCode, RejectionCause>> = {
  BAD_MESSAGE: 'message',
  UNKNOWN_EVENT: 'message',
  BAD_TOKEN: 'message',
  BAD_TOPIC: 'topic',
  UNKNOWN_TOPIC: 'topic',
  BAD_RATE: 'topic',
  TOO_MANY_TOPICS: 'topics-per-connection',
};

/** Returns the cause to count for a message answered with this error; undefined for an answer of the application. */
export function causeOf(error: unknown): RejectionCause | undefined {
  if (error instanceof CountedRefusal) return error.cause;
  if (error instanceof Refusal) return CAUSES[error.code];
  return error instanceof GuardRefusal ? 'denied' : undefined;
}
