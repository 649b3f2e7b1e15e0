/** `_state` of a receiver between two frames, and from the length of a frame to its last byte. */
const GET_INFO = 0;
const GET_DATA = 4;

/** Opcodes from here on are control frames, which may come between the fragments of a message. */
const CONTROL = 8;

/** Private fields of `ws` 8 about the message that it is receiving. `ws` has no event or property for it. */
interface Receiver {
  readonly _state: number;
  /** Opcode of the message of which there are fragments, 0 without one. */
  readonly _fragmented: number;
  /** Opcode of the frame that has begun last. */
  readonly _opcode: number;
  readonly _bufferedBytes: number;
  readonly _buffers: readonly Uint8Array[];
}

/**
 * Whether a message has begun to arrive on a `ws` socket and is not whole; undefined for a `ws` with other private fields.
 * Control frames are no messages, whole or not.
 */
export function isReceiving(socket: object): boolean | undefined {
  const receiver = (socket as { _receiver?: unknown })._receiver;
  if (!isReceiver(receiver)) return undefined;
  const { _state, _fragmented, _opcode, _bufferedBytes, _buffers } = receiver;
  if (_fragmented !== 0) return true;
  if (_state > GET_INFO && _state <= GET_DATA) return _opcode < CONTROL;
  // The first byte of a frame waits for the second. Beyond GET_DATA the frame is whole.
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
