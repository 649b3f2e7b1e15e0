import { connect } from 'node:net';
import { ATTACKS, requestOf } from './attacks.mjs';
import { readBuffer } from './read-buffer.mjs';

const BACK_MS = { least: 1000, most: 4000 }; // after which one that was ended comes back, not all at the same time
const ANSWER = /^HTTP\/1\.1 (\d+)/;

/** Somebody who attacks in one way, from one address, and comes back whenever it was ended. */
export class Attacker {
  #kind;
  #target;
  #tally;
  #looks = 0;
  /** It does not come back any more. */
  #resting = false;
  /** It is itself who ends its connections. */
  #leaving = false;
  /** Its connections: one, but for those who storm. */
  #sockets = new Set();

  /**
   * @param {string} kind in `ATTACKS`
   * @param {{ port: number, localAddress: string }} target
   * @param {{ opened: number, refused: number, ended: number }} tally what came of all attackers of its kind
   */
  constructor(kind, target, tally) {
    this.#kind = kind;
    this.#target = target;
    this.#tally = tally;
  }

  come() {
    if (this.#resting) return;
    const { port, localAddress } = this.#target;
    let status;
    const socket = connect({
      host: '127.0.0.1',
      port,
      localAddress,
      noDelay: true,
      onread: {
        buffer: readBuffer,
        callback: (length, buffer) => {
          if (status !== undefined) return true;
          status = ANSWER.exec(buffer.latin1Slice(0, Math.min(length, 20)))?.[1] ?? 'none';
          if (status === '101') this.#letIn(socket);
          return true;
        },
      },
    });
    this.#sockets.add(socket);
    socket.write(requestOf(this.#kind, port));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      if (this.#leaving) return;
      if (status === '101') this.#tally.ended++;
      else this.#tally.refused++;
      if (!this.#storms)
        setTimeout(() => this.come(), BACK_MS.least + Math.random() * (BACK_MS.most - BACK_MS.least));
    });
  }

  /** Goes on with its attack, wherever it was let in. */
  look() {
    const { again, everyLook = 1 } = ATTACKS[this.#kind];
    if (this.#looks++ % everyLook !== 0) return;
    if (this.#storms) this.come();
    if (again === undefined) return;
    for (const socket of this.#sockets) if (socket.letIn && socket.writable) again(socket);
  }

  /** Attacks no more, and reads what there is to read: who was ended learns of it. */
  rest() {
    this.#resting = true;
    for (const socket of this.#sockets) socket.resume();
  }

  leave() {
    this.#leaving = true;
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  get #storms() {
    return this.#kind === 'storm';
  }

  #letIn(socket) {
    this.#tally.opened++;
    socket.letIn = true;
    ATTACKS[this.#kind].begin?.(socket);
  }
}
