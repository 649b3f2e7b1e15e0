import type { ModulesContainer } from '@nestjs/core';

/** Names of module classes whose `onModuleDestroy` ends the HTTP server with every socket on it. */
const DRAINING: ReadonlySet<string> = new Set(['GraphQLModule']);

/** Module instance that Nest destroys. */
interface Destroyed {
  onModuleDestroy(): unknown;
}

/**
 * Delays modules that drain the HTTP server until the clients of gateways have been closed. The drain of Apollo ends
 * upgraded sockets without a close frame under Express, and waits for the end of these sockets under Fastify. The drain runs
 * before `beforeApplicationShutdown`, where gateways close their clients.
 */
export class PostponedDrains {
  readonly #drains: (() => unknown)[] = [];

  /** Removes the hooks of such modules from their instances. */
  take(modules: ModulesContainer): void {
    for (const { instance } of modules.values()) {
      if (!drains(instance)) continue;
      const hook = instance.onModuleDestroy;
      this.#drains.push(() => hook.call(instance));
      instance.onModuleDestroy = () => {};
    }
  }

  /** Runs the delayed hooks, one after the other. Rejects with the error of a hook. */
  async run(): Promise<void> {
    for (const drain of this.#drains.splice(0)) await drain();
  }
}

function drains(instance: unknown): instance is Destroyed {
  if (typeof (instance as Partial<Destroyed> | undefined)?.onModuleDestroy !== 'function') return false;
  let prototype: object | null = Object.getPrototypeOf(instance);
  while (prototype !== null && !DRAINING.has(prototype.constructor.name))
    prototype = Object.getPrototypeOf(prototype);
  return prototype !== null;
}
