const FINAL_TEXT = 0x81;
const OPEN_BRACKET = 0x5b;
const OPEN_BRACE = 0x7b;
const COMMA = 0x2c;
const CLOSE_BRACKET = 0x5d;
const CLOSE_BRACE = 0x7d;
const ZERO = 0x30;
const T = 0x74; // of {"topic": against the e of {"event":

/**
 * What all connections of the client have counted together.
 *
 * @typedef {{ publications: number, wireBytes: number, lost: number, repeated: number, malformed: number }} Tally
 */

export function newTally() {
  return { publications: 0, wireBytes: 0, lost: 0, repeated: 0, malformed: 0 };
}

/**
 * What the counters of all connections share.
 *
 * @typedef {object} Reading
 * @property {Tally} tally
 * @property {import('./cursors.mjs').Cursors} cursors
 * @property {ReturnType<typeof import('../message.mjs').layout>} layout
 * @property {{ envelope: number, envelopeEnd: number }} dialect bytes around a publication in its frame
 */

/**
 * Reads the frames of one connection and checks that every publication came once, in order and whole.
 *
 * It sees each byte of millions of frames a second, so it makes no object for a frame: it reads numbers out of the
 * shared read buffer, and copies only the piece of a frame that a read has cut off.
 */
export class FrameCounter {
  /** Bytes of publications. */
  bytes = 0;
  #reading;
  #connection;
  #on;
  #cut = null;
  #cutLength = 0;
  // Results of #number: a return value of two numbers would be an object for every message.
  #value = 0;
  #end = 0;

  /**
   * @param {Reading} reading
   * @param {number} connection its number
   * @param {object} on
   * @param {(text: string) => void} on.text frames that are no publication
   * @param {(firstByte: number, payload: Buffer) => void} on.other frames that are no text; the payload is valid during the call only
   * @param {((at: number) => void) | undefined} on.stamp for connections whose latency is taken
   */
  constructor(reading, connection, on) {
    this.#reading = reading;
    this.#connection = connection;
    this.#on = on;
  }

  /** `chunk` is valid during the call only. */
  read(chunk, start, end) {
    this.#reading.tally.wireBytes += end - start;
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
      if (buffer[at] === FINAL_TEXT) this.text(buffer, payload, next);
      else this.#on.other(buffer[at], buffer.subarray(payload, next));
      at = next;
    }
    return at;
  }

  /** The payload of one text frame. Public for payloads that had to be inflated first. */
  text(buffer, start, end) {
    const { dialect, tally } = this.#reading;
    const first = start + dialect.envelope;
    if (first + 2 < end && buffer[first] === OPEN_BRACE && buffer[first + 2] === T) {
      if (this.#publication(buffer, first, end) !== end - dialect.envelopeEnd) tally.malformed++;
    } else if (buffer[start] === OPEN_BRACKET) this.#batch(buffer, start, end);
    else this.#on.text(buffer.toString('utf8', start, end));
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
    this.#reading.tally.malformed++;
  }

  /** Counts the publication at `start` and returns where it ends. */
  #publication(buffer, start, end) {
    const { layout, tally, cursors } = this.#reading;
    this.#number(buffer, start + layout.beforeTopic);
    const slot = cursors.slot(this.#connection, this.#value);
    this.#number(buffer, this.#end + layout.beforeOffset);
    const offset = this.#value;
    this.#number(buffer, this.#end + layout.beforeAt);
    const stamp = this.#value;
    this.#number(buffer, this.#end + layout.beforeSeq);
    const seq = this.#value;
    const stop = this.#end + layout.tail;

    if (slot < 0 || stop > end) {
      tally.malformed++;
      return stop;
    }
    // The offset stands at the head of the message and the sequence number, put there by the server's application,
    // at its tail. A buffer that was given to the next batch too early shows as a head that does not fit its tail.
    if (seq !== offset - cursors.base[slot] && !cursors.learnBase(slot, offset - seq)) tally.malformed++;
    if (buffer[stop - 1] !== CLOSE_BRACE) tally.malformed++;
    const wanted = cursors.next[slot];
    if (offset > wanted) tally.lost += offset - wanted;
    else if (offset < wanted) tally.repeated++;
    cursors.next[slot] = offset + 1;
    this.bytes += stop - start;
    tally.publications++;
    if (this.#on.stamp !== undefined) this.#on.stamp(stamp);
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
