import type { Broadcaster } from '../../broadcast/broadcaster.js';
import type { ConnectionRegistry } from '../../connection/connection-registry.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { LeaveHooks } from '../subscribe/leave-hooks.js';
import type { ConnectionLifecycle } from './connection-lifecycle.js';
import type { GatewayServer } from './gateway-server.js';
import type { MessageRouter } from '../messages/message-router.js';

/** Connections closed at once; the next ones follow after a pause, so that they do not come back all at once. */
const WAVE = 500;

/** Time between two looks at whether everybody has gone. */
const POLL_MS = 10;

/** Least time for the hooks of connections that had to be terminated. */
const LAST_MS = 100;

/** Milliseconds of a shutdown that does not wait for clients: time to write the last frames. */
const HURRIED_MS = 200;

/** Returning clients are spread over a millisecond for each connection there was, at least over this much. */
const SHORTEST_RETURN_MS = 1000;

/** The collaborators of {@link Shutdown}. */
export interface ShutdownDeps {
  readonly server: GatewayServer;
  readonly broadcaster: Pick<Broadcaster, 'flush'>;
  readonly connections: ConnectionRegistry;
  readonly lifecycle: ConnectionLifecycle;
  readonly leaveHooks: LeaveHooks;
  readonly router: MessageRouter;
}

/** Takes the server down without losing what was published, and without all clients coming back in one moment. */
export class Shutdown {
  readonly #deps: ShutdownDeps;
  #drainMs: number;

  /** @param drainMs time until whoever is left is terminated */
  constructor(deps: ShutdownDeps, drainMs: number) {
    this.#deps = deps;
    this.#drainMs = drainMs;
  }

  /** Makes {@link run} write frames and close clients without waiting for clients or handlers. */
  hurry(): void {
    this.#drainMs = Math.min(this.#drainMs, HURRIED_MS);
  }

  /** Resolves with the milliseconds that are left, or a few of them when none are. */
  async run(): Promise<number> {
    const { server, broadcaster, connections, lifecycle, leaveHooks, router } = this.#deps;
    const deadline = performance.now() + this.#drainMs;
    server.refuseUpgrades();
    lifecycle.drain();
    // A handler that hangs or a peer that does not read must not use up the time of the others.
    await until(deadline - this.#drainMs * 0.75, () => router.active === 0);
    await within(deadline - this.#drainMs * 0.5, broadcaster.flush());
    await this.#closeInWaves(deadline - this.#drainMs * 0.25);
    // Whoever is terminated has hooks too, and they need some of the time.
    await until(deadline - this.#drainMs * 0.1, () => connections.size === 0);
    for (const connection of connections) connection.terminateAs(CLOSE.SHUTDOWN);
    // Their sockets end in the next turn, and their handleDisconnect begins there: that needs time even when none is left.
    const last = Math.max(deadline, performance.now() + LAST_MS);
    await until(last, () => connections.size === 0);
    await within(last, Promise.all([lifecycle.settled(), leaveHooks.settled()]));
    await until(last, () => router.active === 0);
    return Math.max(LAST_MS, deadline - performance.now());
  }

  async #closeInWaves(end: number): Promise<void> {
    const connections = [...this.#deps.connections];
    const waves = Math.ceil(connections.length / WAVE);
    const gap = waves > 1 ? Math.max(0, end - performance.now()) / waves : 0;
    for (let wave = 0; wave < waves; wave++) {
      if (wave > 0) await until(performance.now() + gap, () => this.#deps.connections.size === 0);
      for (const connection of connections.slice(wave * WAVE, (wave + 1) * WAVE)) {
        const delay = Math.round(Math.random() * Math.max(SHORTEST_RETURN_MS, connections.length));
        // What sources and timers have published since the flush goes along.
        connection.close(CLOSE.SHUTDOWN.code, `${CLOSE.SHUTDOWN.reason}; retry-after=${delay}`);
      }
    }
  }
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

async function until(deadline: number, holds: () => boolean): Promise<void> {
  while (!holds() && performance.now() < deadline) await pause(POLL_MS);
}

/** Waits for `work`, but not past `deadline`. */
async function within(deadline: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise(
    resolve => (timer = setTimeout(resolve, Math.max(0, deadline - performance.now()))),
  );
  await Promise.race([work, late]);
  clearTimeout(timer);
}
