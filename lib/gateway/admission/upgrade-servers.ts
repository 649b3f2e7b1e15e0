import type { Server } from 'node:http';
import { LastAnswers } from '../session/last-answers.js';
import { type RouterDeps, UpgradeRouter } from './upgrade-router.js';

/** What is done with one HTTP server. */
interface Served {
  readonly router: UpgradeRouter;
  readonly answers: LastAnswers;
}

/** The HTTP servers whose upgrades go to gateways. */
export class UpgradeServers {
  readonly #routing: RouterDeps;
  readonly #served = new Map<Server, Served>();

  constructor(routing: RouterDeps) {
    this.#routing = routing;
  }

  get size(): number {
    return this.#served.size;
  }

  /** The router of a server, which is made at the first call. */
  routerOf(server: Server): UpgradeRouter {
    let served = this.#served.get(server);
    if (served === undefined) {
      served = { router: new UpgradeRouter(server, this.#routing), answers: new LastAnswers(server) };
      this.#served.set(server, served);
    }
    return served.router;
  }

  /** Called at the beginning of the shutdown. */
  retire(): void {
    for (const { answers } of this.#served.values()) answers.begin();
  }

  /** Called before the servers are closed. @param ms time that a client has to complete its request, if it is less than a second */
  closing(ms: number): void {
    for (const { answers } of this.#served.values()) answers.closing(ms);
  }

  /** Leaves the servers to others: one that was borrowed may live on. */
  release(): void {
    for (const { router, answers } of this.#served.values()) {
      router.stop();
      answers.end();
    }
    this.#served.clear();
  }
}
