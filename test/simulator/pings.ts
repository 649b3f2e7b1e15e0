import { tokenOf } from '../../lib/wire/frame.js';

interface Ping {
  readonly token: number;
  readonly at: number;
  /** When it was acknowledged, by its own answer or by a later one; Infinity while it is not. */
  answeredAt: number;
}

const PING = 0x89;
const HEADER = 2;

/** The pings of a connection and when they were answered: what the server can know of how long its data takes. */
export class Pings {
  /** When an answer last came that acknowledged a ping. */
  answeredAt = -Infinity;
  readonly #pings: Ping[] = [];
  /** How many of them are acknowledged: the oldest. */
  #acknowledged = 0;

  /** Something was written to the socket. */
  wrote(data: Uint8Array, at: number): void {
    if (data[0] !== PING) return;
    const token = tokenOf(Buffer.from(data.subarray(HEADER)));
    if (token !== undefined) this.#pings.push({ token, at, answeredAt: Infinity });
  }

  /** The server gets a pong. */
  answered(payload: Buffer, at: number): void {
    const token = tokenOf(payload);
    const index = this.#pings.findLastIndex(ping => ping.token === token);
    if (index < this.#acknowledged) return;
    for (; this.#acknowledged <= index; this.#acknowledged++)
      this.#pings[this.#acknowledged]!.answeredAt = at;
    this.answeredAt = at;
  }

  /** Whether a ping waits for an answer. */
  get areOpen(): boolean {
    return this.#acknowledged < this.#pings.length;
  }

  /** Whether one was ever acknowledged. */
  get wereAnswered(): boolean {
    return this.#acknowledged > 0;
  }

  /** The most milliseconds that data seems to take, at any moment between the two. */
  longest(from: number, to: number): number {
    let longest = 0;
    for (const { at, answeredAt } of this.#pings.toReversed()) {
      if (at > to) continue;
      longest = Math.max(longest, 1, Math.min(answeredAt, to) - at);
      // Of those that were acknowledged together, the newest is what counts.
      if (answeredAt < from) break;
    }
    return longest;
  }
}
