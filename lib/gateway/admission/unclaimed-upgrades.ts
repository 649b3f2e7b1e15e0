import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { bytesWritten } from '../../ws/bytes-written.js';
import type { Clock, Timer } from '../../time/clock.js';
import type { Rejections } from '../../observe/rejections.js';
import type { ClientAddresses } from './client-address.js';
import type { UpgradeRefuser } from './upgrade-refuser.js';
import type { UpgradeRefusal } from '../handshake/upgrade-refusal.js';

/** Milliseconds for another listener to take an upgrade during a shutdown. */
const HURRIED_MS = 1000;

/** The collaborators of {@link UnclaimedUpgrades}. */
export interface UnclaimedDeps {
  readonly addresses: ClientAddresses;
  readonly refuser: UpgradeRefuser;
  readonly rejections: Rejections;
  /** Milliseconds for another listener to take an upgrade. */
  readonly handshakeMs: number;
  readonly clock: Clock;
}

/** Upgrades to paths without a gateway, kept for another listener of the HTTP server. */
export class UnclaimedUpgrades {
  readonly #deps: UnclaimedDeps;
  readonly #waiting = new Map<Duplex, Waiting>();
  #handshakeMs: number;

  constructor(deps: UnclaimedDeps) {
    this.#deps = deps;
    this.#handshakeMs = deps.handshakeMs;
  }

  /** Upgrades that no listener has taken yet. */
  get size(): number {
    return this.#waiting.size;
  }

  /** Waits until a listener takes an upgrade, and refuses it when none does. */
  leave(request: IncomingMessage, socket: Duplex, head: Buffer, refusal: UpgradeRefusal): void {
    const { addresses, refuser, rejections, clock } = this.#deps;
    // Read now, because a closed socket has no address.
    const ip = addresses.of(request);
    const waiting = new Waiting(socket, clock, this.#handshakeMs, taken => {
      this.#waiting.delete(socket);
      if (taken) return;
      // The client has left, or a listener has ended the socket.
      if (socket.destroyed || socket.writableEnded) rejections.count(refusal.cause, ip);
      else refuser.refuse({ request, socket, head, ip }, refusal);
    });
    this.#waiting.set(socket, waiting);
  }

  /**
   * Shortens the wait of later upgrades, because the application shuts down and the client should find another server.
   */
  hurry(): void {
    this.#handshakeMs = Math.min(this.#handshakeMs, HURRIED_MS);
  }

  /** Refuses all waiting upgrades, because the server is closed. Later upgrades wait until the end of the turn only. */
  stop(): void {
    this.#handshakeMs = 0;
    for (const waiting of this.#waiting.values()) waiting.settle();
  }
}

/** Upgrade that waits for a listener. */
class Waiting {
  readonly #socket: Duplex;
  readonly #clock: Clock;
  readonly #timer: Timer;
  readonly #written: number;
  readonly #onSettled: (taken: boolean) => void;

  /** @param onSettled called once, with true if a listener has taken the upgrade */
  constructor(socket: Duplex, clock: Clock, ms: number, onSettled: (taken: boolean) => void) {
    this.#socket = socket;
    this.#clock = clock;
    this.#written = bytesWritten(socket);
    this.#onSettled = onSettled;
    this.#timer = clock.setTimeout(this.settle, ms);
    // Without this listener an error could end the process.
    socket.on('error', destroy);
    // Emitted only for a socket that is read or has no unread bytes.
    socket.on('end', this.#onEnd);
    socket.on('close', this.settle);
  }

  readonly settle = (): void => {
    this.#clock.clearTimeout(this.#timer);
    this.#socket.off('end', this.#onEnd);
    this.#socket.off('close', this.settle);
    // A closed socket needs no `error` listener any more, and a taken socket has one of its new owner.
    const taken = this.#taken;
    if (taken) this.#socket.off('error', destroy);
    this.#onSettled(taken);
  };

  readonly #onEnd = (): void => {
    if (!this.#taken) this.#socket.destroy();
  };

  get #taken(): boolean {
    return bytesWritten(this.#socket) > this.#written || isRead(this.#socket);
  }
}

/** Tells whether a listener reads a socket, and so has taken it. */
export function isRead(socket: Duplex): boolean {
  return socket.listenerCount('data') > 0 || socket.listenerCount('readable') > 0;
}

function destroy(this: Duplex): void {
  this.destroy();
}
