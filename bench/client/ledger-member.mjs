import { setTimeout as sleep } from 'node:timers/promises';
import { LedgerConnection } from './ledger-connection.mjs';

const COME_BACK_MS = 200; // after a connection that the server has ended

/** A client over all its connections: whatever ends one, it comes back and goes on where it was. */
export class LedgerMember {
  /** The one it has, once it was answered. */
  connection;
  #number;
  #target;
  #how;
  #onEnded;
  /** The newest one, answered or not. */
  #newest;
  #gone = false;

  /**
   * @param {number} number
   * @param {{ port: number, reading: import('./frame-counter.mjs').Reading }} target
   * @param {{ onStamp?: (at: number) => void, bite?: Buffer, now: () => number }} how
   * @param {(why: string) => void} onEnded when a connection has ended that the client did not end
   */
  constructor(number, target, how, onEnded) {
    this.#number = number;
    this.#target = target;
    this.#how = how;
    this.#onEnded = onEnded;
  }

  /** Opens a connection; resolves when every subscribe was answered, or when it has failed. */
  async come() {
    const { onStamp, bite, now } = this.#how;
    let readyAt = Infinity;
    const connection = new LedgerConnection(this.#number, this.#target, {
      // What is replayed was published while it was away: that is no latency.
      onStamp: onStamp && (at => at > readyAt && onStamp(at)),
      bite,
    });
    this.#newest = connection;
    connection.ended.then(why => this.#ended(connection, why));
    if (!(await connection.ready)) return;
    if (this.#gone) return connection.leave();
    readyAt = now();
    this.connection = connection;
  }

  /** Goes, properly or cut off, and comes back after `awayMs`. One that is not there does nothing. */
  async goAway({ cutOff, awayMs }) {
    if (!(await this.leave({ cutOff }))) return;
    await sleep(awayMs);
    if (!this.#gone) await this.come();
  }

  /** Goes, properly or cut off; resolves to whether it was there. */
  async leave({ cutOff }) {
    const { connection } = this;
    if (connection === undefined) return false;
    this.connection = undefined;
    if (cutOff) connection.cut();
    else connection.leave();
    await connection.ended;
    return true;
  }

  /** Goes for good. */
  async goHome() {
    this.#gone = true;
    await this.leave({ cutOff: false });
  }

  /** One that is throttled takes the next bite, if there is something. */
  readOn() {
    this.#newest?.resume();
  }

  /** From now on it reads whatever there is. */
  readAll() {
    this.#how = { ...this.#how, bite: undefined };
    this.#newest?.readAll();
  }

  async #ended(connection, why) {
    if (this.connection === connection) this.connection = undefined;
    if (why === undefined) return;
    this.#onEnded(why);
    await sleep(COME_BACK_MS);
    if (!this.#gone) await this.come();
  }
}
