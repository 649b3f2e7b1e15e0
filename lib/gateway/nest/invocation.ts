import type { ExecutionContext } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { WebSocket } from 'ws';
import type { TopicParams } from '../../topic/topic-pattern.js';

/** The topic that a subscribe asks for. */
export interface RequestedTopic {
  readonly name: string;
  readonly params: TopicParams;
}

/** One call of a gateway's method, on its way through guards, pipes and interceptors. */
export interface Invocation {
  readonly topic?: RequestedTopic;
  /** Called when guards and pipes have passed, right before the method itself. */
  called?(): void;
  /** Called when a filter has handled an exception and has answered the client, so there is no result. */
  filtered?(): void;
  /** Whether the method's result feeds a topic, so that a failure is not the answer to a request. */
  feedsTopic?(): boolean;
  /** Answers the message: the function that `@Ack()` gives to a handler. */
  acknowledge?(value: unknown): void;
  /**
   * Takes the stream that the method returned, and gives the stream to use in its place.
   * @param end ends a stream that nobody subscribes to
   */
  streamed(stream: Observable<unknown>, end?: () => void): Observable<unknown>;
  /** Acts when the client has read enough of the answers before, or has gone; undefined when that was at once. */
  inTurn?(act: () => void): Promise<void> | undefined;
  /** Takes an error thrown while a stream was ended. */
  teardownFailed?(error: unknown): void;
}

const INVOCATION = Symbol('fanout:invocation');

/**
 * Arguments that guards, pipes and interceptors find in the execution context: client, data, event and pattern, as under
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

/** The invocation that a call's arguments belong to. */
export function invocationIn(args: CallArguments): Invocation {
  return args[INVOCATION];
}

/** The invocation of an execution context; undefined outside of the handlers of a gateway. */
export function invocationOf(context: ExecutionContext): Invocation | undefined {
  // The arguments of a context that is not ours have no such property.
  return (context.getArgs() as unknown as Partial<CallArguments>)[INVOCATION];
}
