import { types } from 'node:util';
import { HttpStatus } from '@nestjs/common';
import { REFUSALS, Refusal, type RefusalCode } from '../../errors/refusals.js';
import { detailsOf, type ErrorDetails, formOf } from './error-details.js';
import { textOf } from './error-text.js';
import { type ExceptionMeaning, meaningOf } from './exception-meaning.js';
import { GuardRefusal } from '../nest/guard-refusal.js';

/**
 * Most bytes of an error frame's payload without its details, so that a client that provokes errors does not receive more
 * than it sends. The details come from the application only, and have a limit of their own.
 */
const MAX_BYTES = 512;

/** Pattern of the application's own codes. Other texts are ignored, because they might not fit. */
const CODE = /^[\w.-]{1,64}$/;

/** Content of an error frame. */
export interface ErrorAnswer {
  readonly code: string;
  readonly message: string;
  readonly topic?: string | undefined;
  readonly details?: ErrorDetails | undefined;
}

/** Returns the part of an exception for the client. An unexpected error tells the client nothing about the server. */
export function errorAnswer(error: unknown): ErrorAnswer {
  if (error instanceof Refusal) return { code: error.code, message: error.message, topic: error.topic };
  if (error instanceof GuardRefusal)
    return { code: 'FORBIDDEN' satisfies RefusalCode, message: REFUSALS.FORBIDDEN };
  const meaning = meaningOf(error);
  if (meaning === undefined) return INTERNAL;
  try {
    return answerOf(meaning);
  } catch {
    // Reading the exception may fail, for example in a getter. The client gets an answer all the same.
    return INTERNAL;
  }
}

const INTERNAL: ErrorAnswer = { code: 'INTERNAL' satisfies RefusalCode, message: REFUSALS.INTERNAL };

function answerOf({ status, content, message }: ExceptionMeaning): ErrorAnswer {
  const form = encodedForm(content);
  const code = status === undefined ? ownCode(form) : statusName(status);
  const fallback = status !== undefined && typeof message === 'string' ? message : REFUSALS.EXCEPTION;
  return {
    code,
    message: textOf(form) ?? textOf(content) ?? fallback,
    details: detailsOf(content, code, status),
  };
}

/** Applies `toJSON()` of the content, if it has one that works. */
function encodedForm(content: unknown): unknown {
  if (typeof content !== 'object' || content === null || types.isNativeError(content)) return content;
  try {
    return formOf(content);
  } catch {
    return content;
  }
}

function statusName(status: unknown): string {
  const name: unknown = typeof status === 'number' ? HttpStatus[status] : undefined;
  return typeof name === 'string' ? name : ('EXCEPTION' satisfies RefusalCode);
}

function ownCode(content: unknown): string {
  const code = (content as { code?: unknown } | null | undefined)?.code;
  return typeof code === 'string' && CODE.test(code) ? code : ('EXCEPTION' satisfies RefusalCode);
}

/** Tells whether the client receives the whole exception, so that the server need not log it. */
export function isAnswer(error: unknown): boolean {
  return error instanceof Refusal || meaningOf(error)?.told === true;
}

/** Frames for messages that were refused unread, made once, because a flood causes many. */
const UNREAD = new Map(
  Object.entries(REFUSALS).map(([code, message]) => [
    code,
    JSON.stringify({ event: 'error', data: { code, message } }),
  ]),
);

/** The error frame for a message without an id, about no topic. */
export function unreadFrame(code: RefusalCode): string {
  return UNREAD.get(code)!;
}

/** Makes the text of an error frame, cut to its limits. */
export function errorFrame(id: unknown, answer: ErrorAnswer): string {
  const text = shortened(id, answer);
  // A long topic and an id full of escapes can fill the frame. The topic is left out, because the id finds the request.
  const base = Buffer.byteLength(text) > MAX_BYTES ? shortened(id, { ...answer, topic: undefined }) : text;
  return answer.details === undefined ? base : withDetails(base, answer.details);
}

/** Adds details to a frame. @param base a frame that ends with its data */
function withDetails(base: string, { json, truncated }: ErrorDetails): string {
  const details = json === undefined ? '' : `,"details":${json}`;
  return `${base.slice(0, -2)}${details}${truncated ? ',"truncated":true' : ''}}}`;
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
