import { isObservable, Observable, type Subscriber } from 'rxjs';
import type { Invocation } from './invocation.js';
import { type PulledValues, pulledValues } from './pulled-values.js';

/** Most values pulled in one turn of the event loop, so that a generator that never waits does not block it. */
const VALUES_PER_TURN = 16;

/**
 * Passes the stream returned by a gateway's method to the invocation, and returns the Observable to use in its place: an
 * async iterable, a Node stream or a web stream becomes an Observable. Any other result is returned unchanged.
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

/** Observable that pulls the next value only after the last value was taken. Unsubscribing ends the values. */
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
  const inTurn = invocation.inTurn?.bind(invocation) ?? atOnce;
  try {
    for (let pulled = 1; !subscriber.closed; pulled++) {
      const { done, value } = await values.next();
      if (done) return subscriber.complete();
      // Another stream may have answered while this value was made.
      await inTurn(() => subscriber.next(value));
      if (pulled % VALUES_PER_TURN === 0) await nextTurn();
      await inTurn(() => {});
    }
  } catch (error) {
    subscriber.error(error);
  }
}

function atOnce(act: () => void): undefined {
  act();
}

function nextTurn(): Promise<void> {
  // Not of the injected clock: no time is measured here, and a held clock would stop the stream.
  return new Promise(resolve => setImmediate(resolve));
}
