import { shown } from '../../errors/fanout-error.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { Arrival, Credentials, HandshakeCheck } from './arrival.js';
import type { ClientEndpoint } from '../session/client-endpoint.js';
import { expired, refusalForError, refusalByGuard, refusalWithStatus } from './handshake-refusal.js';
import { handshakeRequest, type HandshakeRequest } from '../session/handshake-request.js';
import { HandshakeResponse } from '../session/handshake-response.js';

/** Asks the handshake guards of all gateways of a path, and makes the refusals for clients. */
export class HandshakeGate implements HandshakeCheck {
  readonly #now: () => number;
  readonly #errors: ErrorLog;

  /** @param now milliseconds since 1970, by the clock of the application's tokens */
  constructor(now: () => number, errors: ErrorLog) {
    this.#now = now;
    this.#errors = errors;
  }

  check({ endpoint, request, ip, params }: Arrival): Promise<Credentials> | undefined {
    if (endpoint.handshakeGuards.length === 0) return undefined;
    return this.ask(endpoint, handshakeRequest(request, { ip, params }));
  }

  /**
   * Asks the guards of an endpoint, in the order of its gateways. The request must pass all of them. Rejects with an
   * UpgradeRefusal.
   */
  async ask(
    endpoint: Pick<ClientEndpoint, 'handshakeGuards'>,
    request: HandshakeRequest,
  ): Promise<Credentials> {
    const response = new HandshakeResponse(request);
    try {
      for (const guards of endpoint.handshakeGuards) {
        // A guard that has answered the request itself may never return.
        const passed = await Promise.race([guards.admit(request, response), response.ended]);
        if (!passed) throw refusalByGuard(response);
      }
      return this.#credentialsOf(request, response);
    } catch (error) {
      const headers = response.getHeaders();
      const meant = refusalForError(error, headers);
      const untold = meant === undefined ? { error } : meant.untold;
      if (untold !== undefined)
        this.#errors.error(untold.error, 'a handshake guard failed, so the client is refused');
      throw meant?.refusal ?? refusalWithStatus(500, headers);
    }
  }

  /**
   * Reads the credentials that guards have set on the request. @throws UpgradeRefusal 401 when the credentials have
   * expired
   */
  #credentialsOf(request: HandshakeRequest, response: HandshakeResponse): Credentials {
    const { user, expiresAt: end } = request;
    const ends = [end, (user as { expiresAt?: unknown } | null | undefined)?.expiresAt].map(timeOf);
    const earliest = Math.min(...ends);
    if (earliest <= this.#now()) throw expired(response);
    return { user, expiresAt: earliest === Infinity ? undefined : earliest };
  }
}

/**
 * Returns milliseconds since 1970; Infinity without an end. @throws TypeError for a value that is no time, so that no
 * client stays longer than intended
 */
function timeOf(expiresAt: unknown): number {
  if (expiresAt === undefined || expiresAt === null) return Infinity;
  const time = expiresAt instanceof Date ? expiresAt.getTime() : expiresAt;
  if (typeof time === 'number' && !Number.isNaN(time)) return time;
  throw new TypeError(`expiresAt must be a Date or milliseconds since 1970; got ${shown(expiresAt)}`);
}
