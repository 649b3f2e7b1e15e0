import type { ArgumentsHost } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';

/** The methods of Nest's `BaseWsExceptionFilter`, of any version and copy. */
interface BaseFilter {
  catch(exception: unknown, host: ArgumentsHost): unknown;
  handleError: unknown;
  handleUnknownError: unknown;
  /** From Nest 12 on. */
  emitMessage?: unknown;
}

/** Base filters whose `catch()` is ours. */
const covered = new WeakSet<object>();

/** The arguments of a handler for its filters. Notes the exception that a filter leaves to Nest's base filter. */
export class FilterHost extends ExecutionContextHost {
  #left: { readonly exception: unknown } | undefined;

  /** The filter has left this exception to the base filter: the request is to be answered as if there were no filter. */
  leave(exception: unknown): void {
    this.#left ??= { exception };
  }

  /** @throws the exception that was left, if one was */
  rethrow(): void {
    if (this.#left !== undefined) throw this.#left.exception;
  }
}

/**
 * Makes `super.catch()` of a filter answer the request of the client. Nest's base filter knows no `id`: on Nest 11 it emits
 * an event on the socket, which nobody hears, and on Nest 12 it sends a frame that no request is known by. Under
 * another adapter, and where a filter overrides how it answers, it does what it always did.
 */
export function coverBaseFilter(filter: unknown): void {
  const base = baseOf(filter);
  if (base !== undefined && !covered.has(base)) cover(base);
}

/** The prototype of Nest's class in the chain of a filter. Its name says more than its methods, which others may have. */
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
