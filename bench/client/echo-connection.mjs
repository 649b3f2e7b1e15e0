import { ECHO_PATH, FIRST_NUMBER, NUMBER_DIGITS, reply, request } from '../echo-message.mjs';
import { nowUs } from '../message.mjs';
import { maskedFrame, TEXT } from './masked-frame.mjs';
import { RawSocket } from './raw-socket.mjs';

const HEADER = 6; // two bytes and the mask
const ZERO = 0x30;

/** One client that keeps a number of messages in flight: for each reply it sends the next, those of one read in one write. */
export class EchoConnection {
  #socket;
  #tally;
  #onRoundTrip;
  #template;
  #requestDigits;
  #reply;
  #replyDigits;
  #sent = FIRST_NUMBER;
  #next = FIRST_NUMBER;
  #answered = 0;
  #asking = false;
  #stamped = 0;
  #stampOf = -1;

  /**
   * @param {number} port
   * @param {{ done: number, wrong: number }} tally of all connections
   * @param {{ onRoundTrip?: (us: number) => void, onFailure: (error: Error) => void }} hooks
   */
  constructor(port, tally, { onRoundTrip, onFailure }) {
    this.#tally = tally;
    this.#onRoundTrip = onRoundTrip;
    this.#socket = new RawSocket(
      { port, path: ECHO_PATH },
      {
        onText: (buffer, start, end) => this.#onReply(buffer, start, end),
        onRead: () => this.#onRead(),
        onFailure,
      },
    );
  }

  get opened() {
    return this.#socket.opened;
  }

  /** Messages without a reply. */
  get waiting() {
    return this.#sent - this.#next;
  }

  begin({ event, inFlight }) {
    const text = Buffer.from(request(event));
    this.#template = maskedFrame(TEXT, text);
    this.#requestDigits = text.indexOf(String(FIRST_NUMBER));
    this.#reply = Buffer.from(reply(event));
    this.#replyDigits = this.#reply.indexOf(String(FIRST_NUMBER));
    this.#asking = true;
    this.#send(inFlight);
  }

  /** Sends nothing more; replies that are under way are still counted. */
  stop() {
    this.#asking = false;
  }

  #onRead() {
    if (this.#answered === 0) return;
    this.#tally.done += this.#answered;
    const count = this.#answered;
    this.#answered = 0;
    if (this.#asking) this.#send(count);
  }

  #send(count) {
    const size = this.#template.length;
    const frames = Buffer.allocUnsafe(size * count);
    for (let i = 0; i < count; i++) this.#writeMessage(frames, i * size, this.#sent++);
    if (this.#onRoundTrip !== undefined && this.#stampOf < 0) {
      this.#stampOf = this.#sent - 1;
      this.#stamped = nowUs();
    }
    this.#socket.write(frames);
  }

  #writeMessage(frames, at, number) {
    this.#template.copy(frames, at);
    for (let i = NUMBER_DIGITS - 1; i >= 0; i--) {
      const place = this.#requestDigits + i;
      frames[at + HEADER + place] = (ZERO + (number % 10)) ^ this.#template[2 + (place & 3)];
      number = Math.floor(number / 10);
    }
  }

  /** In order, whole, and with the bytes that were asked for: anything else is wrong. */
  #onReply(buffer, start, end) {
    const expected = this.#reply;
    let value = 0;
    for (let i = 0; i < NUMBER_DIGITS; i++) value = value * 10 + buffer[start + this.#replyDigits + i] - ZERO;
    const rest = this.#replyDigits + NUMBER_DIGITS;
    if (
      end - start !== expected.length ||
      value !== this.#next ||
      buffer.compare(expected, rest, expected.length, start + rest, end) !== 0
    )
      this.#tally.wrong++;
    if (value === this.#stampOf) {
      this.#onRoundTrip(nowUs() - this.#stamped);
      this.#stampOf = -1;
    }
    this.#next++;
    this.#answered++;
  }
}
