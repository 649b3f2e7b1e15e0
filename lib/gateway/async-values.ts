import { isObservable, Observable, type Subscriber } from 'rxjs';
import type { Invocation } from './invocation.js';
import { type PulledValues, pulledValues } from './pulled-values.js';

/** Values that are pulled in one turn of the event loop: a generator that never waits lets others have their turn then. */
const VALUES_PER_TURN = 16;

/**
 * Hands a stream that a gateway's method returned to the invocation, and gives what goes on in its place: an Observable as
 * it is, and an async iterable, a Node stream or a web stream as an Observable. Any other result is given back.
 */
export function passOn(invocation: Invocation, result: unknown): unknown {
  if (typeof result !== 'object' || result === null) return result;
  if (isObservable(result)) return invocation.streamed(result);
  const values = pulledValues(result);
  if (values === undefined) return result;
  const end = (): void => {
    values.end().catch((error: unknown) => invocation.teardownFailed?.(error));
  };
  return invocation.streamed(observableOf(values, invocation, end), end);
}

/** Pulls the next value only when the last was taken. To unsubscribe ends the values. */
function observableOf(values: PulledValues, invocation: Invocation, end: () => void): Observable<unknown> {
  return new Observable(subscriber => {
    void pullAll(values, invocation, subscriber);
    return end;
  });
}

async function pullAll(
  values: PulledValues,
  invocation: Invocation,
  subscriber: Subscriber<unknown>,
): Promise<void> {
  try {
    for (let pulled = 1; !subscriber.closed; pulled++) {
      const { done, value } = await values.next();
      if (done) return subscriber.complete();
      subscriber.next(value);
      if (pulled % VALUES_PER_TURN === 0) await nextTurn();
      await invocation.taken?.();
    }
  } catch (error) {
    subscriber.error(error);
  }
}

function nextTurn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}
