import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;

/** Random bytes are drawn for 256 ids at once: a call into OpenSSL for each would double the cost of an id. */
const drawn = Buffer.allocUnsafeSlow(ID_BYTES * 256);
let used = drawn.length;

/** An id of 128 random bits, so that nobody can guess another's. 22 characters of base64url. */
export function connectionId(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  return drawn.toString('base64url', used, (used += ID_BYTES));
}
