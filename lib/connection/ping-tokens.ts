import { randomFillSync } from 'node:crypto';

/** Tokens made at a time, because each call of the random generator costs a microsecond, however much it fills. */
const MADE_AT_ONCE = 1024;

const tokens = new Uint32Array(MADE_AT_ONCE);
let left = 0;

/** Returns a random token for a ping, so that a client cannot answer a ping before it has arrived. */
export function pingToken(): number {
  if (left === 0) {
    randomFillSync(tokens);
    left = MADE_AT_ONCE;
  }
  return tokens[--left]!;
}
