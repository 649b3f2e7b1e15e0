import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import { canonicalOrigin } from '../../options/addresses.js';
import type { Clock } from '../../time/clock.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { Load } from '../../observe/load.js';
import type { Preflight } from '../../observe/preflight.js';
import type { RejectionCause } from '../../observe/rejections.js';
import type { ErrorLog } from '../../observe/sampled-errors.js';
import type { ResolvedFanoutOptions } from '../../options/fanout-options.js';
import type { AdmissionRates } from '../../limits/admission-rates.js';
import type { AdmissionSlots } from '../../limits/admission-slots.js';
import type { AdmissionUsers } from './admission-users.js';
import type { Bans } from '../../limits/bans.js';
import type { Arrival, Credentials, HandshakeCheck } from '../handshake/arrival.js';
import type { OriginCheck } from './origin-check.js';
import { refusalForError } from '../handshake/handshake-refusal.js';
import { PendingUpgrade } from './pending-upgrade.js';
import type { UpgradeRefuser } from './upgrade-refuser.js';
import { UpgradeRefusal } from '../handshake/upgrade-refusal.js';
import { askVerifyClients } from '../handshake/verify-client.js';

/** The collaborators of {@link Admission}. */
export interface AdmissionDeps {
  readonly options: ResolvedFanoutOptions;
  readonly load: Load;
  readonly preflight: Preflight;
  readonly bans: Bans;
  readonly slots: AdmissionSlots;
  readonly rates: AdmissionRates;
  readonly clock: Clock;
  readonly users: AdmissionUsers;
  readonly origins: OriginCheck;
  readonly guards: HandshakeCheck;
  readonly refuser: UpgradeRefuser;
  /** Log for errors that clients can provoke in functions of the application. */
  readonly errors: ErrorLog;
  /** Log for refusals that may come from a mistake in the application. */
  readonly refusals: ErrorLog;
  /** Opens the connection after the handshake. From here on, the end of the client frees its slot. */
  open(arrival: Arrival, client: WebSocket, credentials: Credentials | undefined): void;
}

/** Limits of one client, not of the server. The client may return when it uses less. */
const OWN_LIMITS: ReadonlySet<RejectionCause> = new Set([
  'connections-per-ip',
  'connections-per-user',
  'connection-rate-per-ip',
]);

/**
 * Admits or refuses upgrades, with the cheapest checks first. Each upgrade takes a slot, freed when the upgrade is
 * refused or its client disconnects.
 */
export class Admission {
  readonly #deps: AdmissionDeps;
  readonly #pending = new Set<PendingUpgrade>();
  /** Cause to refuse every upgrade: before the gateways are bound, and during the shutdown. */
  #closed: 'start' | 'shutdown' | undefined = 'start';
  /** The last valid `Host`. Most requests have the same one and need no second check. */
  #goodHost: string | undefined;

  constructor(deps: AdmissionDeps) {
    this.#deps = deps;
  }

  /** Admits upgrades from now on, because every gateway has its guards. */
  open(): void {
    if (this.#closed === 'start') this.#closed = undefined;
  }

  /** Refuses all upgrades from now on, also those whose handshake has begun. */
  close(): void {
    this.#closed = 'shutdown';
    for (const pending of this.#pending) pending.cut(noRoom('shutdown'));
  }

  /** Opens a connection for an upgrade, or refuses it. */
  admit(arrival: Arrival): void {
    const { bans, slots, rates, refuser, preflight } = this.#deps;
    preflight.upgrade(arrival.request.headers);
    if (this.#closed !== undefined) return refuser.refuse(arrival, noRoom(this.#closed));
    if (!this.#hasHost(arrival.request)) return refuser.refuse(arrival, new UpgradeRefusal(400, 'request'));
    const banned = bans.left(arrival.ip);
    if (banned > 0) return refuser.refuse(arrival, ban(banned));
    const cause = this.#shortOf(arrival.ip);
    if (cause !== undefined) return refuser.refuse(arrival, noRoom(cause));
    slots.take(arrival.ip);
    rates.count(arrival.ip);
    let answer: Promise<Credentials | undefined> | undefined;
    try {
      answer = this.#ask(arrival);
    } catch (error) {
      return this.#refuse(arrival, error);
    }
    if (answer === undefined) this.#enter(arrival, undefined);
    else void this.#await(arrival, answer);
  }

  /**
   * Refusal of an upgrade to a path without a gateway. While all upgrades are refused, the refusal does not tell which
   * paths exist.
   */
  unknownPath(): UpgradeRefusal {
    return this.#closed === undefined ? new UpgradeRefusal(404, 'path') : noRoom(this.#closed);
  }

  /** Returns the limit that one more connection would exceed. */
  #shortOf(ip: string): RejectionCause | undefined {
    const { load, slots, rates } = this.#deps;
    if (load.overload !== undefined) return load.overload;
    if (slots.full) return 'connections';
    return rates.exceededBy(ip) ?? (slots.fullFor(ip) ? 'connections-per-ip' : undefined);
  }

  /**
   * Asks the origin check, `verifyClient` and the guards. Throws or rejects when one of them refuses. Returns undefined
   * when all agreed at once.
   */
  #ask(arrival: Arrival): Promise<Credentials | undefined> | undefined {
    const admitted = this.#deps.origins.admits(arrival.request);
    if (typeof admitted !== 'boolean') {
      return admitted.then(later => {
        this.#assertOrigin(later, arrival);
        assertWaiting(arrival);
        return this.#identify(arrival);
      });
    }
    this.#assertOrigin(admitted, arrival);
    return this.#identify(arrival);
  }

  #assertOrigin(admitted: boolean, { request }: Arrival): void {
    if (admitted) return;
    const { refusals, origins } = this.#deps;
    refusals.error(origins.refusalLine(request));
    throw new UpgradeRefusal(403, 'origin', { close: CLOSE.FORBIDDEN });
  }

  #identify(arrival: Arrival): Promise<Credentials | undefined> | undefined {
    const verified = askVerifyClients(arrival.endpoint.verifyClients, arrival.request);
    const { guards } = this.#deps;
    if (verified === undefined) return guards.check(arrival);
    return verified.then(() => {
      assertWaiting(arrival);
      return guards.check(arrival);
    });
  }

  async #await(arrival: Arrival, answer: Promise<Credentials | undefined>): Promise<void> {
    const { options, slots, refuser, users, preflight, clock } = this.#deps;
    const pending = new PendingUpgrade(arrival.socket, clock, options.limits.handshake, refusal => {
      this.#pending.delete(pending);
      slots.give(arrival.ip);
      if (refusal !== undefined) refuser.refuse(arrival, refusal);
      // A listener of the application has ended the socket.
      else if (arrival.socket.writableEnded) preflight.conflict(arrival.request.url ?? '/');
    });
    this.#pending.add(pending);
    let credentials: Credentials | undefined;
    try {
      credentials = await answer;
    } catch (error) {
      if (this.#finish(pending)) this.#refuse(arrival, error);
      return;
    }
    if (!this.#finish(pending)) return;
    try {
      // Reads the id of the user. It may be a getter of the application that throws.
      if (users.full(credentials?.user)) throw noRoom('connections-per-user');
    } catch (error) {
      return this.#refuse(arrival, error);
    }
    this.#enter(arrival, credentials);
  }

  #finish(pending: PendingUpgrade): boolean {
    this.#pending.delete(pending);
    return pending.finish();
  }

  /** Runs the handshake in `ws`, which refuses a malformed request. */
  #enter(arrival: Arrival, credentials: Credentials | undefined): void {
    const { slots, refuser, errors, open } = this.#deps;
    const { endpoint, request, socket, head } = arrival;
    let opened = false;
    try {
      endpoint.server.handleUpgrade(request, socket, head, client => {
        opened = true;
        open(arrival, client, credentials);
      });
    } catch (error) {
      // Thrown by a function of the application: handleProtocols, or a listener of the `ws` server.
      if (!opened) return this.#refuse(arrival, error);
      errors.error(error, 'a listener for new connections failed');
    }
    if (opened) return;
    slots.give(arrival.ip);
    refuser.linger(socket);
  }

  /** Refuses an upgrade that has a slot. */
  #refuse(arrival: Arrival, error: unknown): void {
    this.#deps.slots.give(arrival.ip);
    const meant = refusalForError(error, {});
    const untold = meant === undefined ? { error } : meant.untold;
    if (untold !== undefined)
      this.#deps.errors.error(untold.error, 'a handshake failed; its upgrade is refused');
    const refusal = meant?.refusal ?? new UpgradeRefusal(500, 'guard', { close: CLOSE.HOOK_FAILED });
    this.#deps.refuser.refuse(arrival, refusal);
  }

  /**
   * Tells whether the `Host` is valid. RFC 6455 section 4.1 requires the header. The application may build a link from
   * it, so an invalid value is refused.
   */
  #hasHost({ headers: { host } }: IncomingMessage): boolean {
    if (host === undefined) return false;
    if (host === this.#goodHost) return true;
    if (host.endsWith('/') || canonicalOrigin(`http://${host}`) === undefined) return false;
    this.#goodHost = host;
    return true;
  }
}

function noRoom(cause: RejectionCause): UpgradeRefusal {
  return OWN_LIMITS.has(cause)
    ? new UpgradeRefusal(429, cause, { close: CLOSE.RATE_LIMITED })
    : new UpgradeRefusal(503, cause, { close: CLOSE.BUSY });
}

function ban(retryAfter: number): UpgradeRefusal {
  return new UpgradeRefusal(429, 'banned', { close: CLOSE.BANNED, retryAfter });
}

/**
 * Throws if the upgrade has been refused meanwhile or its client has disconnected. Nothing more is asked about it then.
 */
function assertWaiting({ socket }: Arrival): void {
  if (socket.destroyed || socket.writableEnded) throw new UpgradeRefusal(503, 'handshake-time');
}
