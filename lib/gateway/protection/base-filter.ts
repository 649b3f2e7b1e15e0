import type { ArgumentsHost } from '@nestjs/common';
import { ExecutionContextHost } from '../nest/private-api.js';

/** The methods of Nest's `BaseWsExceptionFilter`, of any version and copy. */
interface BaseFilter {
  catch(exception: unknown, host: ArgumentsHost): unknown;
  handleError: unknown;
  handleUnknownError: unknown;
  /** From Nest 12 on. */
  emitMessage?: unknown;
}

/** Base filters that already have our `catch()`. */
const covered = new WeakSet<object>();

/** Arguments of a handler for its filters. Holds the exception that a filter passes to Nest's base filter. */
export class FilterHost extends ExecutionContextHost {
  #left: { readonly exception: unknown } | undefined;

  /** Records an exception passed to the base filter, so that the request is answered as if there were no filter. */
  leave(exception: unknown): void {
    this.#left ??= { exception };
  }

  /** Throws the recorded exception, if there is one. */
  rethrow(): void {
    if (this.#left !== undefined) throw this.#left.exception;
  }
}

/**
 * Makes `super.catch()` of a filter answer the client's request. Nest's base filter does not know the `id` of a
 * request: on Nest 11 it emits an event on the socket that nobody handles, and on Nest 12 it sends a frame without an
 * id. Under another adapter, and for a filter that overrides the answer, `super.catch()` is unchanged.
 */
export function coverBaseFilter(filter: unknown): void {
  const base = baseOf(filter);
  if (base !== undefined && !covered.has(base)) cover(base);
}

/** The prototype of Nest's base filter in the prototype chain of a filter, found by the name of its class. */
function baseOf(filter: unknown): BaseFilter | undefined {
  for (let at = filter; typeof at === 'object' && at !== null; at = Object.getPrototypeOf(at))
    if (at.constructor?.name === 'BaseWsExceptionFilter' && Object.hasOwn(at, 'catch'))
      return at as BaseFilter;
  return undefined;
}

function cover(base: BaseFilter): void {
  covered.add(base);
  const { catch: catchException, handleError, handleUnknownError, emitMessage } = base;
  base.catch = function (this: BaseFilter, exception, host) {
    const answers =
      this.handleError !== handleError ||
      this.handleUnknownError !== handleUnknownError ||
      this.emitMessage !== emitMessage;
    if (answers || !(host instanceof FilterHost)) return catchException.call(this, exception, host);
    host.leave(exception);
  };
}
