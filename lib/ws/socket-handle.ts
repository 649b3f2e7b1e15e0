/** Node's own handle of a socket. Node declares no type for it. */
export interface SocketHandle {
  /** Bytes of the write under way that the kernel has not taken. */
  readonly writeQueueSize?: number;
  /** Handle of the TCP socket below a TLS socket. */
  readonly _parent?: { readonly writeQueueSize?: number };
  /** Stops the reading of the socket. */
  readStop?(): unknown;
}

/** Socket with the handle that Node keeps. */
export interface HandledSocket {
  readonly _handle?: SocketHandle | null;
  /** Bytes that were written and that the kernel has not taken. */
  readonly writableLength: number;
}

/**
 * Bytes that the kernel has not taken. The number changes with each byte that the peer takes, where `writableLength` waits for
 * the whole write. A TLS handle counts encrypted bytes, which leave all at once, so the TCP handle below it is read.
 */
export function bytesLeft({ _handle: handle, writableLength }: HandledSocket): number {
  return (handle?._parent ?? handle)?.writeQueueSize ?? writableLength;
}

/**
 * Stops the reading of a socket at once, so that later bytes stay with their sender. `pause()` is used for a stream without a
 * handle: it reads two chunks more, 128 KiB.
 */
export function stopReading(transport: { readonly _handle?: SocketHandle | null; pause(): unknown }): void {
  if (transport._handle?.readStop === undefined) transport.pause();
  else transport._handle.readStop();
}
