import type { ExecutionContext } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { WebSocket } from 'ws';
import type { TopicParams } from '../../topic/topic-pattern.js';

/** Topic named in a subscribe. */
export interface RequestedTopic {
  readonly name: string;
  readonly params: TopicParams;
}

/** One call of a gateway's method, on its way through guards, pipes and interceptors. */
export interface Invocation {
  readonly topic?: RequestedTopic;
  /** Called after guards and pipes have passed, right before the method. */
  called?(): void;
  /** Called when a filter has handled an exception and answered the client, so the call has no result. */
  filtered?(): void;
  /** Tells whether the result is a source of a topic. A later failure is then not the answer to a request. */
  feedsTopic?(): boolean;
  /** Answers the message. `@Ack()` gives this function to a handler. */
  acknowledge?(value: unknown): void;
  /**
   * Takes the stream returned by the method, and returns the stream to use instead.
   * @param end ends a stream without a subscriber
   */
  streamed(stream: Observable<unknown>, end?: () => void): Observable<unknown>;
  /**
   * Runs `act` when the client has read enough of the earlier answers or has disconnected. Returns undefined if `act`
   * ran at once.
   */
  inTurn?(act: () => void): Promise<void> | undefined;
  /** Receives an error thrown while a stream was ended. */
  teardownFailed?(error: unknown): void;
}

const INVOCATION = Symbol('fanout:invocation');

/**
 * Arguments in the execution context of guards, pipes and interceptors: client, data, event and pattern, as under
 * `WsAdapter`. A hidden property of the array holds the invocation.
 */
export type CallArguments = [client: WebSocket, data: unknown, event: string, pattern: string] & {
  [INVOCATION]: Invocation;
};

export function callArguments(
  client: WebSocket,
  data: unknown,
  invocation: Invocation,
  pattern: string,
): CallArguments {
  // The cast adds the hidden property, which the next line sets.
  const args = [client, data, pattern, pattern] as unknown as CallArguments;
  args[INVOCATION] = invocation;
  return args;
}

/** The invocation stored in the arguments of a call. */
export function invocationIn(args: CallArguments): Invocation {
  return args[INVOCATION];
}

/** The invocation of an execution context; undefined outside the handlers of a gateway. */
export function invocationOf(context: ExecutionContext): Invocation | undefined {
  // The arguments of a context that is not ours have no such property.
  return (context.getArgs() as unknown as Partial<CallArguments>)[INVOCATION];
}
