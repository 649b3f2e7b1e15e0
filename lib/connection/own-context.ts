import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';

/**
 * Calls a function outside of every `AsyncLocalStorage`, as when the process began. For calls that run nothing of the
 * application: before Node 24 a store that was entered in it (`enterWith()`) would be seen by the next.
 */
export const inNoContext: <Args extends unknown[], Result>(
  act: (...args: Args) => Result,
  ...args: Args
) => Result = AsyncLocalStorage.snapshot();

/**
 * Calls a function of the application in a context of its own. It sees no store of whoever brought the call about, and
 * what it enters is seen by what it starts and by nobody else.
 */
export const inOwnContext: typeof inNoContext = isShared()
  ? (act, ...args) => inNoContext(callApart, act as never, args) as never
  : inNoContext;

/**
 * Calls a function in a copy of the present context: what it enters stays in the copy. For calls that come from the system,
 * such as events of a socket, where there is no context to leave. It costs a third of {@link inOwnContext}.
 */
export function inCopiedContext<First, Second, Result>(
  act: (first: First, second: Second) => Result,
  first: First,
  second: Second,
): Result {
  return new AsyncResource('FANOUT').runInAsyncScope(act as never, undefined, first, second);
}

function callApart(act: (...args: unknown[]) => unknown, args: unknown[]): unknown {
  return new AsyncResource('FANOUT').runInAsyncScope(act, undefined, ...args);
}

/** Whether all calls of a snapshot share what one of them enters, as before Node 24. */
function isShared(): boolean {
  const probe = new AsyncLocalStorage<boolean>();
  const snapshot = AsyncLocalStorage.snapshot();
  snapshot(() => probe.enterWith(true));
  const shared = snapshot(() => probe.getStore() === true);
  probe.disable();
  return shared;
}
