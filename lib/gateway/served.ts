import { FanoutError } from '../errors/fanout-error.js';

const SERVED = Symbol.for('nestjs-fanout:served');

/** Shared by all copies of this package: another copy's decorators are refused with an error of their own. */
const world = globalThis as { [SERVED]?: boolean };

/** Prototypes with the check already added. */
const required = new WeakSet<object>();

/** Notes that a FanoutModule serves the gateways of this process. */
export function markServed(): void {
  world[SERVED] = true;
}

/**
 * Makes a gateway class refuse to be started in a process without FanoutModule: another adapter asks no handshake guards and knows no topics.
 * Nest calls `afterInit()` of a gateway when it has a server, whatever the adapter.
 */
export function requireService({ name, prototype }: Function): void {
  if (required.has(prototype as object)) return;
  required.add(prototype as object);
  const own = Object.getOwnPropertyDescriptor(prototype, 'afterInit')?.value as Function | undefined;
  const base = Object.getPrototypeOf(prototype as object) as { afterInit?: Function };
  const afterInit = function (this: unknown, ...args: unknown[]): unknown {
    if (!world[SERVED]) throw new FanoutError('FANOUT_NOT_IMPORTED', name);
    return (own ?? base.afterInit)?.apply(this, args);
  };
  Object.defineProperty(prototype, 'afterInit', { value: afterInit, configurable: true, writable: true });
}
