import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { CLOSE, type Close } from '../errors/close-codes.js';
import type { RejectionCause } from '../observe/rejections.js';
import { UpgradeRefusal } from './upgrade-refusal.js';

/** A gateway's option `verifyClient`, as `ws` describes it: with two parameters it answers by calling the second. */
export type VerifyClient = (
  info: { readonly origin: string | undefined; readonly secure: boolean; readonly req: IncomingMessage },
  done?: (verified: unknown, code?: number, message?: string, headers?: OutgoingHttpHeaders) => void,
) => unknown;

/** What 401 and 403 are for who cannot read a status, and what they are counted as. */
const KNOWN: Readonly<Record<number, readonly [RejectionCause, Close]>> = {
  401: ['unauthorized', CLOSE.UNAUTHORIZED],
  403: ['forbidden', CLOSE.FORBIDDEN],
};

/**
 * Asks `verifyClient`. We do it in place of `ws`, which waits for its answer without end, and would let everybody in by
 * one that is `async` and has one parameter: a promise is true.
 * @returns undefined when it has admitted the client at once; else it throws or rejects, with an UpgradeRefusal if
 * `verifyClient` refused
 */
export function askVerifyClient(verifyClient: VerifyClient, req: IncomingMessage): Promise<void> | undefined {
  const { authorized, encrypted } = req.socket as { authorized?: boolean; encrypted?: boolean };
  const info = { origin: req.headers.origin, secure: Boolean(authorized || encrypted), req };
  if (verifyClient.length >= 2) return called(verifyClient, info);
  const verified = verifyClient(info);
  if (verified instanceof Promise) return verified.then(assertVerified);
  assertVerified(verified);
  return undefined;
}

function called(verifyClient: VerifyClient, info: Parameters<VerifyClient>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    const returned = verifyClient(info, (verified, code, message, headers) => {
      if (verified) resolve();
      else reject(refusal(code || 401, message, headers));
    });
    // It may be async as well, and fail before it has called.
    Promise.resolve(returned).catch(reject);
  });
}

function assertVerified(verified: unknown): void {
  if (!verified) throw refusal(401);
}

function refusal(status: number, message?: string, headers?: OutgoingHttpHeaders): UpgradeRefusal {
  const [cause, close] = KNOWN[status] ?? (['guard', undefined] as const);
  return new UpgradeRefusal(status, cause, {
    ...(close !== undefined && { close }),
    headers: { 'Content-Type': 'text/html', ...headers },
    ...(message !== undefined && { body: message }),
  });
}
