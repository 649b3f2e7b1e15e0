import { HttpException, HttpStatus } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { REFUSALS, Refusal, type RefusalCode } from '../errors/refusals.js';
import { GuardRefusal } from './protection/guard-refusal.js';

/** Most bytes of an error frame's payload: whoever provokes errors must not get more out than in. */
const MAX_BYTES = 512;

/** A code of the application's own; anything else is no code, and might not fit. */
const CODE = /^[\w.-]{1,64}$/;

/** What a request is answered by when it failed. */
export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
  readonly topic?: string | undefined;
}

/** What a client may know of an exception. An error that is nobody's answer says nothing about the inside. */
export function errorAnswer(error: unknown): ErrorAnswer {
  try {
    return answerOf(error);
  } catch {
    // An exception whose own content is odd (no response, a message that is no text) must not cost more than its answer.
    return { code: 'INTERNAL' satisfies RefusalCode, message: REFUSALS.INTERNAL };
  }
}

function answerOf(error: unknown): ErrorAnswer {
  if (error instanceof Refusal) return { code: error.code, message: error.message, topic: error.topic };
  if (error instanceof GuardRefusal)
    return { code: 'FORBIDDEN' satisfies RefusalCode, message: REFUSALS.FORBIDDEN };
  if (error instanceof HttpException)
    return { code: HttpStatus[error.getStatus()] ?? 'EXCEPTION', message: httpMessage(error) };
  if (error instanceof WsException) return wsAnswer(error);
  return { code: 'INTERNAL' satisfies RefusalCode, message: REFUSALS.INTERNAL };
}

/** Whether an exception is meant for the client, so that the server need not log it. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Refusal || error instanceof HttpException || error instanceof WsException;
}

/** The frames of messages that were refused unread. Floods are made of these, so none is made twice. */
const UNREAD = new Map(
  Object.entries(REFUSALS).map(([code, message]) => [
    code,
    JSON.stringify({ event: 'error', data: { code, message } }),
  ]),
);

/** The text of an error frame that answers no id and is about no topic. */
export function unreadFrame(code: RefusalCode): string {
  return UNREAD.get(code)!;
}

/** The error frame's text, cut to its limit. */
export function errorFrame(id: unknown, answer: ErrorAnswer): string {
  const text = shortened(id, answer);
  // An id of characters that JSON escapes and a long topic can fill the frame between them; the id finds the request.
  return Buffer.byteLength(text) > MAX_BYTES ? shortened(id, { ...answer, topic: undefined }) : text;
}

function shortened(id: unknown, { code, message, topic }: ErrorAnswer): string {
  const frame = (text: string): string =>
    JSON.stringify({ event: 'error', id, data: { code, message: text, topic } });
  let text = frame(message);
  for (let length = MAX_BYTES; Buffer.byteLength(text) > MAX_BYTES && length > 0;) {
    length >>= 1;
    text = frame(length > 0 ? `${message.slice(0, length)}…` : '');
  }
  return text;
}

function httpMessage(error: HttpException): string {
  const response = error.getResponse();
  const message =
    typeof response === 'object' ? (response as { message?: unknown } | null)?.message : response;
  if (Array.isArray(message)) return message.join('; ');
  return typeof message === 'string' ? message : error.message;
}

function wsAnswer(error: WsException): ErrorAnswer {
  const given = error.getError();
  if (typeof given === 'string') return { code: 'EXCEPTION' satisfies RefusalCode, message: given };
  const { code, message } = (given ?? {}) as { code?: unknown; message?: unknown };
  return {
    code: typeof code === 'string' && CODE.test(code) ? code : ('EXCEPTION' satisfies RefusalCode),
    message: typeof message === 'string' ? message : REFUSALS.EXCEPTION,
  };
}
