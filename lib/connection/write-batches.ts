import type { Batch } from '../wire/batch.js';
import type { WriteSide } from './transport.js';

/** Bytes up to which a ping is copied behind a buffer, because a call with two buffers costs more. */
const MOST_COPIED = 4 * 1024;

/**
 * Writes the first `count` batches to a socket in one system call.
 * @param taken called when the socket has sent them all, or has ended
 * @param ping frame that follows the batches
 */
export function writeBatches(
  output: WriteSide,
  batches: readonly (Batch | undefined)[],
  count: number,
  taken: (() => void) | undefined,
  ping?: Buffer,
): void {
  const first = batches[0]!;
  if (count === 1 && first.buffers.length === 1 && (ping === undefined || first.bytes <= MOST_COPIED)) {
    const buffer = first.buffers[0]!;
    output.write(ping === undefined ? buffer : Buffer.concat([buffer, ping]), taken);
    return;
  }
  output.cork();
  const last = batches[count - 1]!.buffers.at(-1);
  for (let i = 0; i < count; i++) {
    for (const buffer of batches[i]!.buffers) output.write(buffer, buffer === last ? taken : undefined);
  }
  if (ping !== undefined) output.write(ping);
  output.uncork();
}
