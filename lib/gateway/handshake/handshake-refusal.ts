import { type OutgoingHttpHeaders, STATUS_CODES } from 'node:http';
import { CLOSE, type Close } from '../../errors/close-codes.js';
import type { RejectionCause } from '../../observe/rejections.js';
import { type ExceptionMeaning, meaningOf } from '../session/exception-meaning.js';
import { type HandshakeResponse, MAX_BODY_BYTES } from '../session/handshake-response.js';
import { UpgradeRefusal } from './upgrade-refusal.js';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Refusal, with an error for the log. */
export interface RefusalMeant {
  readonly refusal: UpgradeRefusal;
  /** Error hidden from the client; undefined when nothing is hidden. */
  readonly untold: { readonly error: unknown } | undefined;
}

/** Makes the refusal for an exception of a guard, `verifyClient` or `origins`; undefined for an unexpected error. */
export function refusalForError(error: unknown, headers: OutgoingHttpHeaders): RefusalMeant | undefined {
  if (error instanceof UpgradeRefusal) return { refusal: error, untold: undefined };
  const meaning = meaningOf(error);
  if (meaning === undefined) return undefined;
  const status = meaning.status === undefined ? 403 : meaning.status;
  if (!isRefusal(status)) return undefined;
  // The content of a WsException is meant for frames; HTTP answers have another format.
  const { json, untold } = meaning.status === undefined ? NAMED : bodyOf(meaning, status);
  return {
    refusal: refusalWithStatus(status, headers, json),
    untold: untold ?? (meaning.told ? undefined : { error }),
  };
}

/**
 * Makes the refusal of a guard that returned false or ended the response: with the status it has set, if that refuses,
 * or 403.
 */
export function refusalByGuard(response: HandshakeResponse): UpgradeRefusal {
  const status = isRefusal(response.statusCode) ? response.statusCode : 403;
  const body = response.body ?? (response.writableEnded ? '' : undefined);
  return body === undefined
    ? refusalWithStatus(status, response.getHeaders())
    : refusal(status, body, response.getHeaders());
}

/** Makes a refusal with the headers of the guards. @param json body; by default the name of the status */
export function refusalWithStatus(
  status: number,
  headers: OutgoingHttpHeaders,
  json: string = JSON.stringify({ statusCode: status, message: STATUS_CODES[status] ?? 'Refused' }),
): UpgradeRefusal {
  return refusal(status, json, { ...headers, 'content-type': JSON_TYPE });
}

/**
 * Makes the refusal of expired credentials. It has a counter of its own, because it also shows guards that give seconds
 * instead of milliseconds.
 */
export function expired(response: HandshakeResponse): UpgradeRefusal {
  const { status, close, headers, body } = refusalWithStatus(401, response.getHeaders());
  return new UpgradeRefusal(status, 'expired', { close: close!, headers: headers!, body: body! });
}

/**
 * Makes a refusal from a status, with its cause for the counters and its close code for clients that cannot read a
 * status.
 */
export function refusal(status: number, body: string, headers: OutgoingHttpHeaders): UpgradeRefusal {
  return new UpgradeRefusal(status, causeOf(status), { close: closeOf(status), headers, body });
}

function isRefusal(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 300 && (status as number) <= 599;
}

/** Body of a refusal; without `json`, the name of the status. */
interface Body {
  readonly json?: string;
  readonly untold?: RefusalMeant['untold'];
}

const NAMED: Body = {};

/** Returns the body that Nest would send over HTTP, unless the body has no JSON form or is too long. */
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

/**
 * Returns the close code for clients that cannot read a status. A redirect mostly leads to a sign-in, so it means other
 * credentials.
 */
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
