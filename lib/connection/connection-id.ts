import { randomFillSync } from 'node:crypto';

const ID_BYTES = 16;

/** Random bytes for 256 ids. One call into OpenSSL for each id would double its cost. */
const drawn = Buffer.allocUnsafeSlow(ID_BYTES * 256);
let used = drawn.length;

/** Returns an id of 128 random bits, 22 characters of base64url, so that no id can be guessed. */
export function connectionId(): string {
  if (used === drawn.length) {
    randomFillSync(drawn);
    used = 0;
  }
  return drawn.toString('base64url', used, (used += ID_BYTES));
}
