import type { Duplex } from 'node:stream';
import { CLOSE } from '../../errors/close-codes.js';
import { UpgradeRefusal } from '../handshake/upgrade-refusal.js';

/** An upgrade that waits for the application's answer: until a deadline, and no longer than its client does. */
export class PendingUpgrade {
  readonly #socket: Duplex;
  readonly #timer: NodeJS.Timeout;
  readonly #onCut: (refusal: UpgradeRefusal | undefined) => void;
  #over = false;

  /**
   * @param ms until it is refused
   * @param onCut called once, and never after {@link finish}: with the refusal, or with nothing when the client has gone
   */
  constructor(socket: Duplex, ms: number, onCut: (refusal: UpgradeRefusal | undefined) => void) {
    this.#socket = socket;
    this.#onCut = onCut;
    this.#timer = setTimeout(
      () => this.cut(new UpgradeRefusal(503, 'handshake-time', { close: CLOSE.HANDSHAKE_TIMEOUT })),
      ms,
    );
    // A reset would otherwise be an uncaught error.
    socket.on('error', destroy);
    // Who ends its half before the 101 will not use the other. Only a socket with nothing unread tells.
    socket.on('end', destroy);
    socket.on('close', this.#onClose);
  }

  /** The answer is there. False when it comes too late. */
  finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    clearTimeout(this.#timer);
    this.#socket.off('close', this.#onClose);
    this.#socket.off('end', destroy);
    // The error that destroyed a socket may still be emitted, so the listener stays.
    if (!this.#socket.destroyed) this.#socket.off('error', destroy);
    return true;
  }

  /** Does not wait any longer. */
  cut(refusal: UpgradeRefusal | undefined): void {
    if (this.finish()) this.#onCut(refusal);
  }

  readonly #onClose = (): void => this.cut(undefined);
}

function destroy(this: Duplex): void {
  this.destroy();
}
