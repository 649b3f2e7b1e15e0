import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

/**
 * Calls a function outside of every `AsyncLocalStorage` store. Only for calls that run no code of the application:
 * before Node 24, a store entered in one call (`enterWith()`) is visible in the next call.
 */
export const inNoContext: <Args extends unknown[], Result>(
  act: (...args: Args) => Result,
  ...args: Args
) => Result = AsyncLocalStorage.snapshot();

/**
 * Calls a function of the application in a context of its own. The function sees no store of its caller. A store
 * entered by the function is visible only to work that the function starts.
 */
export const inOwnContext: typeof inNoContext = isShared()
  ? // Node declares no type for a call in a context that passes a list of any arguments, hence the casts.
    (act, ...args) => inNoContext(callApart, act as never, args) as never
  : inNoContext;

/**
 * Calls a function in a copy of the present context, so a store entered by the function stays in the copy. For calls by
 * the system, such as events of a socket, which have no context to leave. Costs a third of {@link inOwnContext}.
 */
export function inCopiedContext<First, Second, Result>(
  act: (first: First, second: Second) => Result,
  first: First,
  second: Second,
): Result {
  // Node declares the arguments as any[], and a function of two parameters does not fit.
  return new AsyncResource('FANOUT').runInAsyncScope(act as never, undefined, first, second);
}

function callApart(act: (...args: unknown[]) => unknown, args: unknown[]): unknown {
  return new AsyncResource('FANOUT').runInAsyncScope(act, undefined, ...args);
}

/** Tells whether a store entered in one call of a snapshot is visible to the others, as before Node 24. */
function isShared(): boolean {
  const probe = new AsyncLocalStorage<boolean>();
  const snapshot = AsyncLocalStorage.snapshot();
  snapshot(() => probe.enterWith(true));
  const shared = snapshot(() => probe.getStore() === true);
  probe.disable();
  return shared;
}
