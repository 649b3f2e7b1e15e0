import { types } from 'node:util';
import { HttpStatus } from '@nestjs/common';
import { REFUSALS, Refusal, type RefusalCode } from '../../errors/refusals.js';
import type { ErrorAnswer } from '../../protocol/protocol.js';
import { detailsOf, type ErrorDetails, formOf } from './error-details.js';
import { textOf } from './error-text.js';
import { type ExceptionMeaning, meaningOf } from './exception-meaning.js';
import { GuardRefusal } from '../nest/guard-refusal.js';

/** Pattern of the application's own codes. Other texts are ignored, because they might not fit. */
const CODE = /^[\w.-]{1,64}$/;

/** An {@link ErrorAnswer} with the reason why its details cannot be sent. */
export interface DetailedAnswer extends ErrorAnswer {
  readonly details?: ErrorDetails | undefined;
}

/** Returns the part of an exception for the client. An unexpected error tells the client nothing about the server. */
export function errorAnswer(error: unknown): DetailedAnswer {
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

const INTERNAL: DetailedAnswer = { code: 'INTERNAL' satisfies RefusalCode, message: REFUSALS.INTERNAL };

function answerOf({ status, content, message }: ExceptionMeaning): DetailedAnswer {
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
