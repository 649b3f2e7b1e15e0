import type { Duplex } from 'node:stream';

/** Returns the bytes written to a socket, with those still in its buffer; 0 for a stream without such a count. */
export function bytesWritten(socket: Duplex): number {
  return (socket as { bytesWritten?: number }).bytesWritten ?? 0;
}

/**
 * Makes a socket look as if bytes were written to it. Socket.IO ends an upgrade to another path after a second if
 * nothing was written, so a handshake guard would have only a second. The property covers Node's getter, and still
 * counts.
 */
export function seemWrittenTo(socket: Duplex): void {
  const own = Object.getOwnPropertyDescriptor(socket, 'bytesWritten');
  if (own?.configurable === false) return;
  const prototype = Object.getPrototypeOf(socket) as object;
  Object.defineProperty(socket, 'bytesWritten', {
    configurable: true,
    get: () => Math.max(1, (Reflect.get(prototype, 'bytesWritten', socket) as number | undefined) ?? 0),
  });
}
