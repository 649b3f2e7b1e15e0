import type { ExecutionContext } from '@nestjs/common';
import type { Observable } from 'rxjs';
import type { TopicParams } from '../topic/topic-pattern.js';

/** The topic that a subscribe asks for. */
export interface RequestedTopic {
  readonly name: string;
  readonly params: TopicParams;
}

/** One call of a gateway's method, on its way through guards, pipes and interceptors. */
export interface Invocation {
  readonly topic?: RequestedTopic;
  /** The guards and pipes have passed: the method itself is called now. */
  called?(): void;
  /** A filter has dealt with an exception, the client's answer included: there is no result. */
  filtered?(): void;
  /** Whether what the method returned feeds a topic: its failure is then not the answer to a request. */
  feedsTopic?(): boolean;
  /** The method returned an Observable; what this returns goes on in its place. */
  streamed(stream: Observable<unknown>): Observable<unknown>;
}

/** Place of the invocation in the arguments of a handler: `[client, data, invocation, pattern]`. */
export const INVOCATION_INDEX = 2;

export function invocationOf(context: ExecutionContext): Invocation | undefined {
  return context.getArgByIndex<Invocation | undefined>(INVOCATION_INDEX);
}
