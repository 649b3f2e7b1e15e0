import { frameSize } from './frame-reader.js';

interface Ping {
  readonly payload: Buffer;
  readonly at: number;
  /** Bytes that were written before it, other pings left out. */
  readonly behind: number;
  /** When it was acknowledged, by its own answer or by a later one; Infinity while it is not. */
  answeredAt: number;
}

const PING = 0x89;
const HEADER = 2;

/** The pings of a connection and when they were answered: what the server can know of how long its data takes. */
export class Pings {
  /** When an answer last came that acknowledged a ping. */
  answeredAt = -Infinity;
  /** When an answer last came that told of anything else than pings. */
  heardAt = -Infinity;
  readonly #pings: Ping[] = [];
  /** How many of them are acknowledged: the oldest. */
  #acknowledged = 0;
  /** Bytes of the last frame that are still to be written. */
  #unwritten = 0;
  /** Bytes of all frames but pings. */
  #bytes = 0;
  /** Those that answers have told of. */
  #heard = 0;

  /** Something was written to the socket: frames, the beginning of one, or what goes on with it. */
  wrote(data: Uint8Array, at: number): void {
    const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    let from = this.#unwritten;
    while (from < bytes.length) {
      const frame = bytes.subarray(from);
      const size = frameSize(frame) ?? frame.length;
      if (frame[0] === PING) this.#add(Buffer.from(frame.subarray(HEADER, size)), at);
      else this.#bytes += size;
      from += size;
    }
    this.#unwritten = from - bytes.length;
  }

  #add(payload: Buffer, at: number): void {
    this.#pings.push({ payload, at, behind: this.#bytes, answeredAt: Infinity });
  }

  /** The server gets a pong. */
  answered(payload: Buffer, at: number): void {
    const index = this.#pings.findLastIndex(ping => ping.payload.equals(payload));
    if (index < this.#acknowledged) return;
    for (; this.#acknowledged <= index; this.#acknowledged++)
      this.#pings[this.#acknowledged]!.answeredAt = at;
    this.answeredAt = at;
    const { behind } = this.#pings[index]!;
    if (behind > this.#heard) this.heardAt = at;
    this.#heard = behind;
  }

  /** What the newest ping says; undefined while there is none. */
  get newest(): Buffer | undefined {
    return this.#pings.at(-1)?.payload;
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
