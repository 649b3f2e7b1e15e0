/** Node's own handle of a socket, which has no type in Node's declarations. */
export interface SocketHandle {
  /** Bytes of the current write that the kernel has not accepted. */
  readonly writeQueueSize?: number;
  /** Handle of the TCP socket below a TLS socket. */
  readonly _parent?: { readonly writeQueueSize?: number };
  /** Stops the reading of the socket. */
  readStop?(): unknown;
}

/** Socket with the handle kept by Node. */
export interface HandledSocket {
  readonly _handle?: SocketHandle | null;
  /** Written bytes that the kernel has not accepted. */
  readonly writableLength: number;
}

/**
 * Returns the bytes that the kernel has not accepted. The number changes with each byte sent, while `writableLength`
 * waits for the whole write. A TLS handle counts encrypted bytes, which leave all at once, so the TCP handle below it
 * is read.
 */
export function bytesLeft({ _handle: handle, writableLength }: HandledSocket): number {
  return (handle?._parent ?? handle)?.writeQueueSize ?? writableLength;
}

/**
 * Stops the reading of a socket at once, so that later bytes stay with their sender. For a stream without a handle
 * `pause()` is used, which reads two more chunks, 128 KiB.
 */
export function stopReading(transport: { readonly _handle?: SocketHandle | null; pause(): unknown }): void {
  if (transport._handle?.readStop === undefined) transport.pause();
  else transport._handle.readStop();
}
