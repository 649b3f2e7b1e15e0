import { LAYOUT } from '../message.mjs';

const FINAL_TEXT = 0x81;
const OPEN_BRACKET = 0x5b;
const COMMA = 0x2c;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
const ZERO = 0x30;
const T = 0x74; // of {"topic": against the e of {"event":

/**
 * What all connections of the client have counted together.
 *
 * @typedef {{ publications: number, payloadBytes: number, lost: number, repeated: number, malformed: number }} Tally
 */

export function newTally() {
  return { publications: 0, payloadBytes: 0, lost: 0, repeated: 0, malformed: 0 };
}

/**
 * Reads the frames of one connection and checks that every publication came once, in order and whole.
 *
 * It sees each byte of millions of frames a second, so it makes no object for a frame: it reads numbers out of the
 * shared read buffer, and copies only the piece of a frame that a read has cut off.
 */
export class FrameCounter {
  /** The offset that must come next; set from the answer to subscribe. */
  next = 0;
  /** Offsets less this are the server's sequence numbers. */
  base = 0;
  bytes = 0;
  #tally;
  #onText;
  #onControl;
  #onStamp;
  #cut = null;
  #cutLength = 0;
  // Results of #number: a return value of two numbers would be an object for every message.
  #value = 0;
  #end = 0;

  /**
   * @param {Tally} tally
   * @param {(text: string) => void} onText frames that are no publication
   * @param {(opcode: number, payload: Buffer) => void} onControl the payload is valid during the call only
   * @param {((at: number) => void) | undefined} onStamp for connections whose latency is taken
   */
  constructor(tally, onText, onControl, onStamp) {
    this.#tally = tally;
    this.#onText = onText;
    this.#onControl = onControl;
    this.#onStamp = onStamp;
  }

  /** `chunk` is valid during the call only. */
  read(chunk, start, end) {
    if (this.#cutLength === 0) {
      const done = this.#frames(chunk, start, end);
      if (done < end) this.#keep(chunk, done, end);
      return;
    }
    this.#keep(chunk, start, end);
    const length = this.#cutLength;
    this.#cutLength = 0;
    const done = this.#frames(this.#cut, 0, length);
    if (done < length) {
      this.#cut.copyWithin(0, done, length);
      this.#cutLength = length - done;
    }
  }

  #keep(chunk, start, end) {
    const length = this.#cutLength + end - start;
    if (this.#cut === null || this.#cut.length < length) {
      const larger = Buffer.allocUnsafe(Math.max(256, 2 ** Math.ceil(Math.log2(length))));
      this.#cut?.copy(larger, 0, 0, this.#cutLength);
      this.#cut = larger;
    }
    chunk.copy(this.#cut, this.#cutLength, start, end);
    this.#cutLength = length;
  }

  /** Reads whole frames and returns where the first incomplete one begins. */
  #frames(buffer, start, end) {
    let at = start;
    while (end - at >= 2) {
      let length = buffer[at + 1];
      let payload = at + 2;
      if (length === 126) {
        if (end - at < 4) break;
        length = buffer.readUInt16BE(at + 2);
        payload = at + 4;
      } else if (length >= 127) {
        if (end - at < 10) break;
        // A mask bit (servers never mask) makes the length nonsense, and so does anything over 2 GiB.
        if (length > 127 || buffer.readUInt32BE(at + 2) !== 0) throw new Error('not a frame of a server');
        length = buffer.readUInt32BE(at + 6);
        payload = at + 10;
      }
      const next = payload + length;
      if (next > end) break;
      if (buffer[at] === FINAL_TEXT) this.#text(buffer, payload, next);
      else this.#onControl(buffer[at] & 15, buffer.subarray(payload, next));
      at = next;
    }
    return at;
  }

  #text(buffer, start, end) {
    if (buffer[start] === OPEN_BRACKET) this.#batch(buffer, start, end);
    else if (buffer[start + 2] === T) {
      if (this.#publication(buffer, start, end) !== end) this.#tally.malformed++;
    } else this.#onText(buffer.toString('utf8', start, end));
  }

  /** `fanout.v1.json`: an array of publications in one frame. The benchmark's servers put nothing else in it. */
  #batch(buffer, start, end) {
    let at = start + 1;
    while (at < end) {
      at = this.#publication(buffer, at, end);
      if (buffer[at] === CLOSE_BRACKET && at + 1 === end) return;
      if (buffer[at] !== COMMA) break;
      at++;
    }
    this.#tally.malformed++;
  }

  /** Counts the publication at `start` and returns where it ends. */
  #publication(buffer, start, end) {
    this.#number(buffer, start + LAYOUT.beforeOffset);
    const offset = this.#value;
    this.#number(buffer, this.#end + LAYOUT.beforeAt);
    const stamp = this.#value;
    this.#number(buffer, this.#end + LAYOUT.beforeSeq);
    const seq = this.#value;
    const stop = this.#end + LAYOUT.tail;

    const tally = this.#tally;
    // The offset stands at the head of the message and the sequence number, put there by the server's application,
    // at its tail. A buffer that was given to the next batch too early shows as a head that does not fit its tail.
    if (seq !== offset - this.base || buffer[stop - 1] !== CLOSE_BRACE || stop > end) tally.malformed++;
    if (offset > this.next) tally.lost += offset - this.next;
    else if (offset < this.next) tally.repeated++;
    this.next = offset + 1;
    this.bytes += stop - start;
    tally.publications++;
    tally.payloadBytes += stop - start;
    if (this.#onStamp !== undefined) this.#onStamp(stamp);
    return stop;
  }

  #number(buffer, start) {
    let value = 0;
    let at = start;
    for (;;) {
      const digit = buffer[at] - ZERO;
      // Also ends at a byte past the buffer's end: undefined makes it NaN, which is not >= 0.
      if (!(digit >= 0 && digit <= 9)) break;
      value = value * 10 + digit;
      at++;
    }
    this.#value = value;
    this.#end = at;
  }
}
