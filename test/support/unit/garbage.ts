import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** Frees what nothing refers to any more, so that a WeakRef tells whether something still does. */
export async function collectGarbage(): Promise<void> {
  // A WeakRef holds on to what it was made of until the turn is over.
  await new Promise(setImmediate);
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
}
