import type { Broadcaster } from '../../broadcast/broadcaster.js';
import type { ConnectionRegistry } from '../../connection/connection-registry.js';
import { CLOSE } from '../../errors/close-codes.js';
import type { Clock } from '../../time/clock.js';
import { inTime } from '../../time/deadline.js';
import type { LeaveHooks } from '../subscribe/leave-hooks.js';
import type { ConnectionLifecycle } from './connection-lifecycle.js';
import type { GatewayServer } from './gateway-server.js';
import type { MessageRouter } from '../messages/message-router.js';

/**
 * Ends of the first steps, as shares of the whole time. A hanging handler or a client that does not read or answer must
 * not use up the time of the following steps.
 */
const SHARES = { handlers: 0.25, delivery: 0.5, closing: 0.75, answers: 0.9 };

/** Connections closed at once. The next ones follow after a pause, so that not all clients return at once. */
const WAVE = 500;

/** Least time for the hooks of terminated connections. */
const LAST_MS = 100;

/** Milliseconds of a shutdown that does not wait for clients: time to write the last frames. */
const HURRIED_MS = 200;

/**
 * Least time over which returning clients are spread. With more connections than milliseconds in it, one millisecond
 * for each.
 */
const SHORTEST_RETURN_MS = 1000;

/** The collaborators of {@link Shutdown}. */
export interface ShutdownDeps {
  readonly server: Pick<GatewayServer, 'refuseUpgrades'>;
  readonly broadcaster: Pick<Broadcaster, 'flush'>;
  readonly connections: Pick<ConnectionRegistry, 'size' | 'emptied' | typeof Symbol.iterator>;
  readonly lifecycle: Pick<ConnectionLifecycle, 'drain' | 'settled'>;
  readonly leaveHooks: Pick<LeaveHooks, 'settled'>;
  readonly router: Pick<MessageRouter, 'active' | 'idle'>;
  readonly clock: Clock;
}

/** Ends of the steps of a shutdown, by the clock. A step that is done early is followed by the next one at once. */
interface Deadlines {
  /** End of the wait for running handlers. */
  readonly handlers: number;
  /** End of the wait for the delivery of publications. */
  readonly delivery: number;
  /** Time of the last wave of closes. */
  readonly closing: number;
  /** End of the wait for answers to the close. Remaining connections are terminated. */
  readonly answers: number;
  /** End of the shutdown. */
  readonly end: number;
}

/** Shuts the server down without losing publications, and spreads the return of the clients. */
export class Shutdown {
  readonly #deps: ShutdownDeps;
  #drainMs: number;

  /** @param drainMs time until the remaining connections are terminated */
  constructor(deps: ShutdownDeps, drainMs: number) {
    this.#deps = deps;
    this.#drainMs = drainMs;
  }

  /** Makes {@link run} write frames and close clients without waiting for clients or handlers. */
  hurry(): void {
    this.#drainMs = Math.min(this.#drainMs, HURRIED_MS);
  }

  /** Runs the shutdown. Resolves with the milliseconds that are left, at least a few. */
  async run(): Promise<number> {
    const { server, broadcaster, connections, lifecycle, leaveHooks, clock } = this.#deps;
    const deadlines = this.#deadlines();
    server.refuseUpgrades();
    lifecycle.drain();
    await this.#until(deadlines.handlers, this.#handled());
    await this.#until(deadlines.delivery, broadcaster.flush());
    await this.#closeInWaves(deadlines.closing);
    await this.#until(deadlines.answers, connections.emptied());
    for (const connection of connections) connection.terminateWith(CLOSE.SHUTDOWN);
    // The sockets end in the next turn, and handleDisconnect begins there. That needs time even if none is left.
    const last = Math.max(deadlines.end, clock.now() + LAST_MS);
    await this.#until(last, connections.emptied());
    await this.#until(last, Promise.all([lifecycle.settled(), leaveHooks.settled()]));
    await this.#until(last, this.#handled());
    return Math.max(LAST_MS, deadlines.end - clock.now());
  }

  #deadlines(): Deadlines {
    const begin = this.#deps.clock.now();
    const at = (share: number): number => begin + share * this.#drainMs;
    return {
      handlers: at(SHARES.handlers),
      delivery: at(SHARES.delivery),
      closing: at(SHARES.closing),
      answers: at(SHARES.answers),
      end: at(1),
    };
  }

  /** Waits for `work`, but not past `deadline`. */
  async #until(deadline: number, work: Promise<unknown>): Promise<void> {
    const { clock } = this.#deps;
    await inTime(clock, Math.max(0, deadline - clock.now()), work, () => {});
  }

  /** Resolves when no handler is running and no message waits for one. */
  async #handled(): Promise<void> {
    const { router, clock } = this.#deps;
    while (router.active > 0) {
      await router.idle();
      // The next message of the same client goes to its handler in this turn.
      await new Promise<void>(resolve => clock.setImmediate(resolve));
    }
  }

  async #closeInWaves(end: number): Promise<void> {
    const { connections: open, clock } = this.#deps;
    const connections = [...open];
    const waves = Math.ceil(connections.length / WAVE);
    const gap = waves > 1 ? Math.max(0, end - clock.now()) / waves : 0;
    for (let wave = 0; wave < waves; wave++) {
      if (wave > 0) await this.#until(clock.now() + gap, open.emptied());
      for (const connection of connections.slice(wave * WAVE, (wave + 1) * WAVE)) {
        const delay = Math.round(clock.random() * Math.max(SHORTEST_RETURN_MS, connections.length));
        // Publications since the flush leave before the close frame.
        connection.close(CLOSE.SHUTDOWN.code, `${CLOSE.SHUTDOWN.reason}; retry-after=${delay}`);
      }
    }
  }
}
