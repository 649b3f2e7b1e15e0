import type { IncomingMessage, Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { bytesWritten, seemWrittenTo } from '../../ws/bytes-written.js';
import type { Arrival } from '../handshake/arrival.js';
import type { ClientAddresses } from './client-address.js';
import type { Endpoint } from '../handshake/endpoint.js';
import { afterAnswers, handBack } from './handed-back.js';
import { NO_PARAMS, type PathParams, PathPattern, PathPatterns } from './path-pattern.js';
import type { UpgradeRefuser } from './upgrade-refuser.js';
import { isRead, type UnclaimedUpgrades } from './unclaimed-upgrades.js';
import { UpgradeRefusal } from '../handshake/upgrade-refusal.js';
import { asksForWebSocket, normalize, type Target, targetOf } from './upgrade-request.js';

/** The collaborators of {@link UpgradeRouter}. */
export interface RouterDeps {
  readonly admission: { admit(arrival: Arrival): void; unknownPath(): UpgradeRefusal };
  readonly addresses: ClientAddresses;
  readonly refuser: UpgradeRefuser;
  readonly unclaimed: UnclaimedUpgrades;
  readonly preflight: { conflict(url: string): void };
  /** Handling of upgrades to a path without a gateway. */
  readonly unmatched: 'ignore' | 'refuse';
}

/** Upgrade, as emitted by the HTTP server. */
interface Upgrade {
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
}

/**
 * Routes the WebSocket upgrades of one HTTP server to their endpoint. Paths are compared as they were sent, so nothing
 * can be hidden in an encoding; only the values of parameters are decoded. Upgrades to other protocols are treated as
 * ordinary requests.
 */
export class UpgradeRouter {
  readonly #server: Server;
  readonly #deps: RouterDeps;
  /** Endpoints by path without parameters. */
  readonly #endpoints = new Map<string | undefined, Endpoint>();
  readonly #patterns = new PathPatterns<Endpoint>();

  constructor(server: Server, deps: RouterDeps) {
    this.#server = server;
    this.#deps = deps;
    server.on('upgrade', this.#onUpgrade);
  }

  /** Adds an endpoint. @throws FanoutError FANOUT_PATH, FANOUT_PATH_AMBIGUOUS */
  add(endpoint: Endpoint): void {
    const pattern = endpoint.path === undefined ? undefined : new PathPattern(endpoint.path);
    if (pattern === undefined || pattern.literal) this.#endpoints.set(endpoint.path, endpoint);
    else this.#patterns.add(pattern, endpoint);
  }

  /** Stops listening to the server. A server of the application lives on. */
  stop(): void {
    this.#server.off('upgrade', this.#onUpgrade);
  }

  readonly #onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const upgrade = { request, socket, head };
    if (!asksForWebSocket(request)) return this.#serve(upgrade);
    const target = request.url ?? '/';
    // Most targets are just a path, which is then the key itself.
    const endpoint = this.#endpoints.get(target);
    if (endpoint !== undefined) return this.#admit(upgrade, endpoint, NO_PARAMS, undefined);
    this.#find(upgrade, targetOf(target));
  };

  #find(upgrade: Upgrade, target: Target): void {
    const literal = this.#endpoints.get(target.path);
    if (literal !== undefined) return this.#admit(upgrade, literal, NO_PARAMS, target);
    const found = this.#patterns.find(target.path);
    const endpoint = found?.value ?? this.#endpoints.get(undefined);
    if (endpoint === undefined) return this.#leave(upgrade);
    this.#admit(upgrade, endpoint, found?.params ?? NO_PARAMS, target);
  }

  #admit(upgrade: Upgrade, endpoint: Endpoint, params: PathParams, target: Target | undefined): void {
    if (this.#alone) return this.#take(upgrade, endpoint, params, target);
    this.#behindOthers(upgrade.socket, taken => {
      if (!taken) return this.#take(upgrade, endpoint, params, target);
      const { preflight, refuser } = this.#deps;
      preflight.conflict(target?.url ?? upgrade.request.url!);
      // A listener that reads the socket has taken it.
      if (upgrade.socket.writableEnded) refuser.linger(upgrade.socket);
    });
  }

  #take(upgrade: Upgrade, endpoint: Endpoint, params: PathParams, target: Target | undefined): void {
    const { admission, addresses } = this.#deps;
    normalize(upgrade.request, target);
    afterAnswers(upgrade.socket, () =>
      admission.admit({ ...upgrade, endpoint, ip: addresses.of(upgrade.request), params }),
    );
  }

  /** Leaves an upgrade that is not ours to another listener, such as a proxy or a dev server. */
  #leave({ request, socket, head }: Upgrade): void {
    const { addresses, admission, refuser, unmatched, unclaimed } = this.#deps;
    const shared = unmatched === 'ignore' && !this.#alone;
    afterAnswers(socket, () => {
      const refusal = admission.unknownPath();
      if (shared) return unclaimed.leave(request, socket, head, refusal);
      refuser.refuse({ request, socket, head, ip: addresses.of(request) }, refusal);
    });
  }

  /**
   * Serves a request that offers another protocol. A server may ignore the offer. Other listeners of the server come
   * first.
   */
  #serve(upgrade: Upgrade): void {
    if (this.#alone) return this.#handBack(upgrade);
    this.#behindOthers(upgrade.socket, taken => {
      if (!taken) this.#handBack(upgrade);
    });
  }

  /** Continues after all listeners of the server have been called, which happens in this turn. */
  #behindOthers(socket: Duplex, goOn: (taken: boolean) => void): void {
    const written = bytesWritten(socket);
    socket.on('error', destroy);
    process.nextTick(() => {
      // The error that destroyed a socket may still be emitted, so the listener stays.
      if (!socket.destroyed) socket.off('error', destroy);
      const taken =
        socket.destroyed || socket.writableEnded || bytesWritten(socket) > written || isRead(socket);
      if (!taken) seemWrittenTo(socket);
      goOn(taken);
    });
  }

  #handBack({ request, socket, head }: Upgrade): void {
    if (handBack(this.#server, request, socket, head)) return;
    const ip = this.#deps.addresses.of(request);
    this.#deps.refuser.refuse({ request, socket, head, ip }, new UpgradeRefusal(431, 'request'));
  }

  /** Tells whether the HTTP server has no other listener for upgrades. */
  get #alone(): boolean {
    return this.#server.listenerCount('upgrade') === 1;
  }
}

function destroy(this: Duplex): void {
  this.destroy();
}
