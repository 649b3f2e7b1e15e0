import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import { HttpException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { CLOSE, type Close } from '../errors/close-codes.js';
import type { RejectionCause } from '../observe/rejections.js';
import { type HandshakeResponse, MAX_BODY_BYTES } from './handshake-response.js';
import { UpgradeRefusal } from './upgrade-refusal.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** The refusal that a guard means by throwing; undefined when it did not mean any, but failed. */
export function refusalBy(error: unknown, response: HandshakeResponse): UpgradeRefusal | undefined {
  if (error instanceof UpgradeRefusal) return error;
  if (error instanceof WsException) return refusalWith(403, response);
  if (!(error instanceof HttpException)) return undefined;
  const status: unknown = error.getStatus();
  return isRefusal(status) ? refusalWith(status, response, bodyOf(error, status)) : undefined;
}

/** What a guard means by `false`, or by ending the response: the status it has set, if that refuses, or 403. */
export function refusalOf(response: HandshakeResponse): UpgradeRefusal {
  const status = isRefusal(response.statusCode) ? response.statusCode : 403;
  const body = response.body ?? (response.writableEnded ? '' : undefined);
  return body === undefined ? refusalWith(status, response) : refusal(status, body, response.getHeaders());
}

/** A refusal with the headers that guards have set. @param json what it says; by default the name of the status */
export function refusalWith(
  status: number,
  response: HandshakeResponse,
  json: string = JSON.stringify({ statusCode: status, message: STATUS_CODES[status] ?? 'Refused' }),
): UpgradeRefusal {
  return refusal(status, json, { ...response.getHeaders(), 'content-type': JSON_TYPE });
}

/** A refusal of credentials that are over: counted by itself, because a guard that gives seconds in place of milliseconds ends here. */
export function expired(response: HandshakeResponse): UpgradeRefusal {
  const { status, close, headers, body } = refusalWith(401, response);
  return new UpgradeRefusal(status, 'expired', { close: close!, headers: headers!, body: body! });
}

/** A refusal by a status, which also says what it is counted as and what a client is closed with that cannot read it. */
export function refusal(status: number, body: string, headers: OutgoingHttpHeaders): UpgradeRefusal {
  return new UpgradeRefusal(status, causeOf(status), { close: closeOf(status), headers, body });
}

function isRefusal(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 300 && (status as number) <= 599;
}

/** What Nest would answer over HTTP; undefined when that is too much for a refusal. */
function bodyOf(error: HttpException, statusCode: number): string | undefined {
  const response = error.getResponse();
  const content =
    typeof response === 'object' && response !== null ? response : { statusCode, message: response };
  try {
    const text = JSON.stringify(content);
    return Buffer.byteLength(text) <= MAX_BODY_BYTES ? text : undefined;
  } catch {
    return undefined;
  }
}

function causeOf(status: number): RejectionCause {
  if (status === 401) return 'unauthorized';
  return status === 403 ? 'forbidden' : 'guard';
}

/** For clients that cannot read a status. Who is sent elsewhere, mostly to sign in, needs other credentials. */
function closeOf(status: number): Close {
  switch (status) {
    case 429:
      return CLOSE.RATE_LIMITED;
    case 500:
      return CLOSE.HOOK_FAILED;
    default:
      if (status > 500) return CLOSE.BUSY;
      return status === 401 || status < 400 ? CLOSE.UNAUTHORIZED : CLOSE.FORBIDDEN;
  }
}
