import type { Batch } from '../wire/batch.js';
import type { SocketPort } from './socket-port.js';

/**
 * Gives the first `count` batches to a socket in one system call.
 * @param taken called when the socket has taken them all, or has ended
 */
export function writeBatches(
  socket: SocketPort,
  batches: readonly (Batch | undefined)[],
  count: number,
  taken: (() => void) | undefined,
): void {
  const first = batches[0]!;
  if (count === 1 && first.buffers.length === 1) {
    socket.write(first.buffers[0]!, taken);
    return;
  }
  socket.cork();
  const last = batches[count - 1]!.buffers.at(-1);
  for (let i = 0; i < count; i++) {
    for (const buffer of batches[i]!.buffers) socket.write(buffer, buffer === last ? taken : undefined);
  }
  socket.uncork();
}
