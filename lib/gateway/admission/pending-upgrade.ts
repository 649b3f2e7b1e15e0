import type { Duplex } from 'node:stream';
import type { Clock, Timer } from '../../time/clock.js';
import { CLOSE } from '../../errors/close-codes.js';
import { UpgradeRefusal } from '../handshake/upgrade-refusal.js';

/** Upgrade that waits for an answer of the application. The wait ends at a deadline or when the client disconnects. */
export class PendingUpgrade {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #timer: Timer;
  readonly #onCut: (refusal: UpgradeRefusal | undefined) => void;
  #over = false;

  /**
   * @param ms milliseconds until the upgrade is refused
   * @param onCut called at most once, and never after {@link finish}: with the refusal, or with undefined when the
   *   client has disconnected
   */
  constructor(
    socket: Duplex,
    clock: Clock,
    ms: number,
    onCut: (refusal: UpgradeRefusal | undefined) => void,
  ) {
    this.#socket = socket;
    this.#clock = clock;
    this.#onCut = onCut;
    this.#timer = clock.setTimeout(
      () => this.cut(new UpgradeRefusal(503, 'handshake-time', { close: CLOSE.HANDSHAKE_TIMEOUT })),
      ms,
    );
    // Without this listener, a reset would be an uncaught error.
    socket.on('error', destroy);
    // A client that ends its side before the 101 will not use the connection. The event comes only when nothing is
    // unread.
    socket.on('end', destroy);
    socket.on('close', this.#onClose);
  }

  /** Ends the wait, because the answer is there. Returns false if the upgrade was already cut. */
  finish(): boolean {
    if (this.#over) return false;
    this.#over = true;
    this.#clock.clearTimeout(this.#timer);
    this.#socket.off('close', this.#onClose);
    this.#socket.off('end', destroy);
    // The error that destroyed a socket may still be emitted, so the listener stays.
    if (!this.#socket.destroyed) this.#socket.off('error', destroy);
    return true;
  }

  /** Ends the wait without an answer, with a refusal or because the client has disconnected. */
  cut(refusal: UpgradeRefusal | undefined): void {
    if (this.finish()) this.#onCut(refusal);
  }

  readonly #onClose = (): void => this.cut(undefined);
}

function destroy(this: Duplex): void {
  this.destroy();
}
