import { FanoutError } from '../../errors/fanout-error.js';
import { SteadyLogger } from './steady-logger.js';

const SERVED = Symbol.for('nestjs-fanout:served');

/** State shared by all copies of this package. A class with decorators of another copy has an error of its own. */
const world = globalThis as { [SERVED]?: boolean };

/** Classes that already have the reminder. */
const reminded = new WeakSet<Function>();

/** Notes that a FanoutModule serves the gateways of this process. */
export function markServed(): void {
  world[SERVED] = true;
}

/**
 * Stops the start of a gateway class in a process without FanoutModule, because another adapter asks no handshake
 * guards.
 */
export function requireService(metatype: Function): void {
  beforeInit(metatype, () => {
    if (!world[SERVED]) throw new FanoutError('FANOUT_NOT_IMPORTED', metatype.name);
  });
}

/**
 * Logs a warning for a gateway class in a process without FanoutModule, because nobody can subscribe to its topics
 * there.
 */
export function remindOfService(metatype: Function): void {
  if (reminded.has(metatype)) return;
  reminded.add(metatype);
  beforeInit(metatype, () => {
    if (world[SERVED]) return;
    new SteadyLogger('Fanout').warn(
      `Gateway ${metatype.name} has @Topic(), but no FanoutModule serves it, so nobody can subscribe: add ` +
        `FanoutModule.forRoot() to the imports of the root module.`,
    );
  });
}

/** Runs a check when Nest calls `afterInit()`. Nest calls `afterInit()` under every adapter. */
function beforeInit({ prototype }: Function, check: () => void): void {
  const own = Object.getOwnPropertyDescriptor(prototype, 'afterInit')?.value as Function | undefined;
  const base = Object.getPrototypeOf(prototype as object) as { afterInit?: Function };
  const afterInit = function (this: unknown, ...args: unknown[]): unknown {
    check();
    return (own ?? base.afterInit)?.apply(this, args);
  };
  Object.defineProperty(prototype, 'afterInit', { value: afterInit, configurable: true, writable: true });
}
