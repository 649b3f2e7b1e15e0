import type { IncomingHttpHeaders } from 'node:http';
import { collectFacts } from './process-facts.js';
import { deflateWarning, startWarnings } from './start-warnings.js';

/** Options under check. */
export interface PreflightOptions {
  readonly limits: { readonly connections: number };
  readonly trustProxy: number | readonly string[];
  readonly origins: unknown;
}

/** Log for the warnings. */
export interface PreflightLog {
  warn(line: string): void;
}

/** Warns once about each setting that is not safe or will not hold, and says what to do. */
export class Preflight {
  readonly #connections: number;
  readonly #log: PreflightLog;
  #expectsProxy: boolean;
  #expectsCookies: boolean;
  #toldOfConflict = false;

  constructor(options: PreflightOptions, log: PreflightLog) {
    this.#connections = options.limits.connections;
    this.#expectsProxy = options.trustProxy !== 0;
    this.#expectsCookies = options.origins !== undefined;
    this.#log = log;
  }

  /**
   * Checks the process when the server starts, if there is a gateway.
   * @param backlog connections that may wait to be accepted, as requested by its servers
   */
  start(backlog: number): void {
    const capacity = { connections: this.#connections, backlog };
    for (const line of startWarnings(collectFacts(), capacity)) this.#log.warn(line);
  }

  /** Checks the options that a gateway gives to `ws`. @param place place of the gateway, as in the start log */
  gateway(place: string, options: { readonly perMessageDeflate?: unknown }): void {
    const line = deflateWarning(place, options.perMessageDeflate);
    if (line !== undefined) this.#log.warn(line);
  }

  /** Reports the gateways of an endpoint without a server. */
  unserved(gateways: readonly string[]): void {
    this.#log.warn(
      `${gateways.join(', ')} will not be served: without a port of its own a gateway is on the HTTP server of the ` +
        `application, and this application has none. Give it a port, @WebSocketGateway(port, options), or leave it out here.`,
    );
  }

  /** Reports that a listener of the application has ended an upgrade for a gateway. @param url URL of the request */
  conflict(url: string): void {
    if (this.#toldOfConflict) return;
    this.#toldOfConflict = true;
    const path = url.split('?', 1)[0]!.slice(0, 100);
    this.#log.warn(
      `Another "upgrade" listener of the HTTP server has answered or ended an upgrade to the gateway path ${JSON.stringify(path)}: ` +
        `new WebSocketServer({ server }) of ws takes every upgrade, with a path it answers other paths with 400, and Socket.IO ends other paths after a second. ` +
        `Give ws { noServer: true } and pass only its own path to it, or give Socket.IO { destroyUpgrade: false }.`,
    );
  }

  /** Checks the headers of an upgrade. Called for each one. */
  upgrade(headers: IncomingHttpHeaders): void {
    if (!this.#expectsProxy && (headers['x-forwarded-for'] ?? headers.forwarded) !== undefined) {
      this.#expectsProxy = true;
      this.#log.warn(
        'An upgrade came with X-Forwarded-For or Forwarded, and the option "trustProxy" is 0, so the proxy counts as the ' +
          'client: set trustProxy to the number of proxies in front of this server, or to their networks.',
      );
    }
    if (!this.#expectsCookies && headers.cookie !== undefined) {
      this.#expectsCookies = true;
      this.#log.warn(
        'An upgrade came with cookies, and the option "origins" is not set, so such clients may only come from pages of ' +
          "the requested host: set origins to 'same' for all clients, or to a list of those that may.",
      );
    }
  }
}
