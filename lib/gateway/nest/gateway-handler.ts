import type { WebSocket } from 'ws';
import type { Invocation } from './invocation.js';

declare const PROTECTED: unique symbol;

/**
 * Call of a gateway's method with its guards, pipes, interceptors and filters. The call may throw, or return a promise
 * or an Observable.
 */
export type HandlerFunction = (
  client: WebSocket,
  data: unknown,
  invocation: Invocation,
  pattern: string,
) => unknown;

/**
 * Handler made by {@link Protection}. The mark has no value and is set only in `protection.ts`. A route takes no other
 * type, so a method cannot be served without its guards.
 */
export type GatewayHandler = HandlerFunction & { readonly [PROTECTED]: true };
