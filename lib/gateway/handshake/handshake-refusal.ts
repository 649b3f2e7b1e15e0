import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import { CLOSE, type Close } from '../../errors/close-codes.js';
import type { RejectionCause } from '../../observe/rejections.js';
import { type ExceptionMeaning, meaningOf } from '../session/exception-meaning.js';
import { type HandshakeResponse, MAX_BODY_BYTES } from '../session/handshake-response.js';
import { UpgradeRefusal } from './upgrade-refusal.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** A refusal, with an error for the log. */
export interface RefusalMeant {
  readonly refusal: UpgradeRefusal;
  /** An error that the client is not told; undefined when the client is told everything. */
  readonly untold: { readonly error: unknown } | undefined;
}

/** The refusal for an exception of a guard, `verifyClient` or `origins`; undefined for an unexpected error. */
export function refusalBy(error: unknown, headers: OutgoingHttpHeaders): RefusalMeant | undefined {
  if (error instanceof UpgradeRefusal) return { refusal: error, untold: undefined };
  const meaning = meaningOf(error);
  if (meaning === undefined) return undefined;
  const status = meaning.status === undefined ? 403 : meaning.status;
  if (!isRefusal(status)) return undefined;
  // The content of a WsException is for frames, and HTTP has a format of its own.
  const { json, untold } = meaning.status === undefined ? NAMED : bodyOf(meaning, status);
  return {
    refusal: refusalWith(status, headers, json),
    untold: untold ?? (meaning.told ? undefined : { error }),
  };
}

/** What a guard means by `false`, or by ending the response: the status it has set, if that refuses, or 403. */
export function refusalOf(response: HandshakeResponse): UpgradeRefusal {
  const status = isRefusal(response.statusCode) ? response.statusCode : 403;
  const body = response.body ?? (response.writableEnded ? '' : undefined);
  return body === undefined
    ? refusalWith(status, response.getHeaders())
    : refusal(status, body, response.getHeaders());
}

/** A refusal with the headers that guards have set. @param json what it says; by default the name of the status */
export function refusalWith(
  status: number,
  headers: OutgoingHttpHeaders,
  json: string = JSON.stringify({ statusCode: status, message: STATUS_CODES[status] ?? 'Refused' }),
): UpgradeRefusal {
  return refusal(status, json, { ...headers, 'content-type': JSON_TYPE });
}

/** A refusal of credentials that are over: counted by itself, because a guard that gives seconds in place of milliseconds ends here. */
export function expired(response: HandshakeResponse): UpgradeRefusal {
  const { status, close, headers, body } = refusalWith(401, response.getHeaders());
  return new UpgradeRefusal(status, 'expired', { close: close!, headers: headers!, body: body! });
}

/** A refusal by a status, which also says what it is counted as and what a client is closed with that cannot read it. */
export function refusal(status: number, body: string, headers: OutgoingHttpHeaders): UpgradeRefusal {
  return new UpgradeRefusal(status, causeOf(status), { close: closeOf(status), headers, body });
}

function isRefusal(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 300 && (status as number) <= 599;
}

/** The body of a refusal; without `json` it is the name of the status. */
interface Body {
  readonly json?: string;
  readonly untold?: RefusalMeant['untold'];
}

const NAMED: Body = {};

/** The body that Nest would answer with over HTTP, unless it has no JSON form or is too long for a refusal. */
function bodyOf({ content }: ExceptionMeaning, statusCode: number): Body {
  const whole = typeof content === 'object' && content !== null ? content : { statusCode, message: content };
  try {
    const json = JSON.stringify(whole);
    return Buffer.byteLength(json) <= MAX_BODY_BYTES ? { json } : NAMED;
  } catch (error) {
    return { untold: { error } };
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
