/** Values of a receiver's `_state`: between two frames, and from the length of a frame to its last byte. */
const GET_INFO = 0;
const GET_DATA = 4;

/** First opcode of control frames. Control frames may come between the fragments of a message. */
const CONTROL = 8;

/** Private fields of `ws` 8 about the message that is arriving. `ws` has no event or property for it. */
interface Receiver {
  readonly _state: number;
  /** Opcode of an unfinished fragmented message; 0 without one. */
  readonly _fragmented: number;
  /** Opcode of the latest frame. */
  readonly _opcode: number;
  readonly _bufferedBytes: number;
  readonly _buffers: readonly Uint8Array[];
}

/**
 * Tells whether a message has begun to arrive on a `ws` socket and is not complete; undefined for a `ws` with other
 * private fields. Control frames do not count.
 */
export function isReceiving(socket: object): boolean | undefined {
  const receiver = (socket as { _receiver?: unknown })._receiver;
  if (!isReceiver(receiver)) return undefined;
  const { _state, _fragmented, _opcode, _bufferedBytes, _buffers } = receiver;
  if (_fragmented !== 0) return true;
  if (_state > GET_INFO && _state <= GET_DATA) return _opcode < CONTROL;
  // The first byte of a frame waits for the second. In states above GET_DATA the frame is complete.
  return _state === GET_INFO && _bufferedBytes === 1 && (_buffers[0]![0]! & 0x0f) < CONTROL;
}

function isReceiver(receiver: unknown): receiver is Receiver {
  const { _state, _fragmented, _opcode, _bufferedBytes, _buffers } = (receiver ?? {}) as Partial<Receiver>;
  return (
    typeof _state === 'number' &&
    typeof _fragmented === 'number' &&
    typeof _opcode === 'number' &&
    typeof _bufferedBytes === 'number' &&
    Array.isArray(_buffers)
  );
}
