import { randomFillSync } from 'node:crypto';

/** Tokens made at a time: a call of the random generator costs a microsecond, however much it fills. */
const MADE_AT_ONCE = 1024;

const tokens = new Uint32Array(MADE_AT_ONCE);
let left = 0;

/** A token for a ping. It is random, so that nobody can answer a ping that has not arrived. */
export function pingToken(): number {
  if (left === 0) {
    randomFillSync(tokens);
    left = MADE_AT_ONCE;
  }
  return tokens[--left]!;
}
