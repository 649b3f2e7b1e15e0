import type { Server } from 'node:http';
import type { Clock } from '../../time/clock.js';
import { LastAnswers } from '../session/last-answers.js';
import { type RouterDeps, UpgradeRouter } from './upgrade-router.js';

/** Parts that serve one HTTP server. */
interface Served {
  readonly router: UpgradeRouter;
  readonly answers: LastAnswers;
}

/** HTTP servers whose upgrades go to gateways. */
export class UpgradeServers {
  readonly #routing: RouterDeps & { readonly clock: Clock };
  readonly #served = new Map<Server, Served>();

  constructor(routing: RouterDeps & { readonly clock: Clock }) {
    this.#routing = routing;
  }

  get size(): number {
    return this.#served.size;
  }

  /** Returns the router of a server, created at the first call. */
  routerOf(server: Server): UpgradeRouter {
    let served = this.#served.get(server);
    if (served === undefined) {
      served = {
        router: new UpgradeRouter(server, this.#routing),
        answers: new LastAnswers(server, this.#routing.clock),
      };
      this.#served.set(server, served);
    }
    return served.router;
  }

  /** Begins the shutdown: later answers tell clients not to reuse the connection. */
  retire(): void {
    for (const { answers } of this.#served.values()) answers.begin();
  }

  /**
   * Prepares the close of the servers. @param ms milliseconds for a client to complete its request, if less than a
   * second
   */
  closing(ms: number): void {
    for (const { answers } of this.#served.values()) answers.closing(ms);
  }

  /** Stops listening to the servers. A server of the application may live on. */
  release(): void {
    for (const { router, answers } of this.#served.values()) {
      router.stop();
      answers.end();
    }
    this.#served.clear();
  }
}
