import type { WebSocket } from 'ws';
import type { Invocation } from './invocation.js';

declare const PROTECTED: unique symbol;

/** Call of a gateway's method with everything around it. It may throw; the result may be a promise or an Observable. */
export type HandlerFunction = (
  client: WebSocket,
  data: unknown,
  invocation: Invocation,
  pattern: string,
) => unknown;

/**
 * Handler made by {@link Protection}. The mark has no value, and only `protection.ts` sets it. A route takes this type only, so
 * a method cannot be served without its guards.
 */
export type GatewayHandler = HandlerFunction & { readonly [PROTECTED]: true };
