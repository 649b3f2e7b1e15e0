import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import type { VerifyClient } from '../nest/gateway-options.js';
import { refusal } from './handshake-refusal.js';
import { isThenable } from '../nest/wrapped-method.js';

/** Asks every `verifyClient`, one after the other. */
export function askVerifyClients(
  all: readonly VerifyClient[],
  request: IncomingMessage,
): Promise<void> | undefined {
  for (let at = 0; at < all.length; at++) {
    const verified = askVerifyClient(all[at]!, request);
    if (verified !== undefined) return verified.then(() => askVerifyClients(all.slice(at + 1), request));
  }
  return undefined;
}

/**
 * Asks `verifyClient`. `ws` is not used for this: it waits for an answer without a limit, and takes a promise for true,
 * so an `async` function with one parameter would admit every client.
 * @returns undefined when the client was admitted at once. Else throws or rejects, with an UpgradeRefusal if
 *   `verifyClient` refused
 */
function askVerifyClient(verifyClient: VerifyClient, req: IncomingMessage): Promise<void> | undefined {
  const { authorized, encrypted } = req.socket as { authorized?: boolean; encrypted?: boolean };
  const info = { origin: req.headers.origin, secure: Boolean(authorized || encrypted), req };
  if (verifyClient.length >= 2) return called(verifyClient, info);
  const verified = verifyClient(info);
  if (isThenable(verified)) return Promise.resolve(verified).then(assertVerified);
  assertVerified(verified);
  return undefined;
}

function called(verifyClient: VerifyClient, info: Parameters<VerifyClient>[0]): Promise<void> {
  return new Promise((resolve, reject) => {
    const returned = verifyClient(info, (verified, code, message, headers) => {
      if (verified) resolve();
      else reject(refused(code || 401, message, headers));
    });
    // An async function may fail before it has called `done`.
    Promise.resolve(returned).catch(reject);
  });
}

function assertVerified(verified: unknown): void {
  if (!verified) throw refused(401);
}

function refused(status: number, message?: unknown, headers?: OutgoingHttpHeaders): Error {
  // Plain JavaScript may pass an object, which cannot be a body.
  const body = message === undefined || message === null ? '' : String(message);
  return refusal(status, body, { 'Content-Type': 'text/html', ...headers });
}
