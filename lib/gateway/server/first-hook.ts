import type { ModulesContainer } from '@nestjs/core';
import type { Module } from '../nest/private-api.js';

/**
 * Makes Nest call a function at the beginning of a shutdown, before the `onModuleDestroy` of the application's
 * providers. A global module, such as `FanoutModule`, is destroyed after all others.
 */
export function atShutdown(modules: ModulesContainer, callback: () => void): void {
  const module = firstDestroyed(modules);
  const token = Symbol('fanout:shutdown');
  module.addProvider({ provide: token, useValue: { onModuleDestroy: callback } });
  // Nest 12 destroys the providers of a module from the highest level down. Nest 11 has no levels, and destroys them
  // together.
  module.providers.get(token)!.hierarchyLevel = Number.MAX_SAFE_INTEGER;
}

/** Returns the module that Nest destroys first: of the modules nearest to the root, the last. */
function firstDestroyed(modules: ModulesContainer): Module {
  return [...modules.values()].reduce((first, module) =>
    module.distance <= first.distance ? module : first,
  );
}
