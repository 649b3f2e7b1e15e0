import { connect } from 'node:net';
import { PATH } from '../message.mjs';
import { FrameCounter } from './frame-counter.mjs';
import { loopback } from './loopback.mjs';
import { CLOSE, closeFrame, maskedFrame, PING, PONG, TEXT } from './masked-frame.mjs';
import { readBuffer } from './read-buffer.mjs';
import { upgradeRequest, UpgradeResponse } from './upgrade.mjs';

/** One connection of a client that keeps a ledger: it goes on where the one before it ended. */
export class LedgerConnection {
  #number;
  #ledger;
  #socket;
  #frames;
  #unanswered;
  #upgrade = new UpgradeResponse();
  #answered;
  #leaving = false;
  #code = 'terminated';
  #bite;
  /** Resolves when every subscribe was answered: true, or false if the connection has ended before that. */
  ready = new Promise(resolve => (this.#answered = resolve));
  /**
   * Resolves when the socket is gone: undefined if that was the client's wish, or else the code that the server closed
   * with, `terminated`, or an error's message.
   */
  ended;

  /**
   * @param {number} number of the client
   * @param {{ port: number, addresses?: number, reading: import('./frame-counter.mjs').Reading }} target `addresses`: a block of them, one for each client; see loopback.mjs
   * @param {{ onStamp?: (at: number) => void, bite?: Buffer }} how `bite`: read no more than it holds, and then nothing until `readOn`
   */
  constructor(number, { port, addresses, reading }, { onStamp, bite }) {
    this.#number = number;
    this.#ledger = reading.cursors;
    this.#bite = bite;
    this.#unanswered = new Set(this.#ledger.topicsOf(number));
    this.#frames = new FrameCounter(reading, number, {
      text: text => this.#onText(JSON.parse(text)),
      other: (firstByte, payload) => this.#onOther(firstByte & 15, payload),
      stamp: onStamp === undefined ? undefined : at => this.#unanswered.size === 0 && onStamp(at),
    });
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      localAddress: addresses === undefined ? undefined : loopback(addresses, number),
      onread: {
        buffer: bite === undefined ? readBuffer : () => this.#bite ?? readBuffer,
        callback: (length, buffer) => this.#onRead(length, buffer),
      },
    });
    this.#socket.write(upgradeRequest({ port, path: PATH }));
    this.#socket.on('error', error => (this.#code = error.message));
    this.ended = new Promise(resolve => {
      this.#socket.on('close', () => {
        this.#answered(false);
        resolve(this.#leaving ? undefined : this.#code);
      });
    });
  }

  /** Reads nothing more, until `resume`. */
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  /** From now on it reads whatever there is. */
  readAll() {
    this.#bite = undefined;
    this.#socket.resume();
  }

  /** A proper close, after which the server may still send what was on its way. */
  leave() {
    this.#leaving = true;
    this.#socket.write(closeFrame());
  }

  /** As a cable that is pulled: what was not read is gone, and the server is not told. */
  cut() {
    this.#leaving = true;
    this.#socket.resetAndDestroy();
  }

  #onRead(length, buffer) {
    try {
      if (this.#upgrade === undefined) this.#frames.read(buffer, 0, length);
      else this.#onResponse(this.#upgrade.read(buffer.latin1Slice(0, length)));
    } catch (error) {
      this.#socket.destroy(error);
    }
    return this.#bite === undefined;
  }

  #onResponse(response) {
    if (response === undefined) return;
    this.#upgrade = undefined;
    // One frame for each topic, as each has a position of its own.
    const subscribes = [...this.#unanswered].map(topic => {
      const data = { topic, since: this.#ledger.since(this.#number, topic) };
      return maskedFrame(TEXT, Buffer.from(JSON.stringify({ event: 'subscribe', data })));
    });
    this.#socket.write(Buffer.concat(subscribes));
    if (response.rest.length > 0) this.#frames.read(response.rest, 0, response.rest.length);
  }

  #onText({ event, data }) {
    if (event === 'gap') return this.#ledger.gap(this.#number, data);
    if (event !== 'subscribed' || !this.#unanswered.delete(data.topic)) {
      throw new Error(`unexpected frame: ${event} ${JSON.stringify(data).slice(0, 200)}`);
    }
    this.#ledger.answered(this.#number, data);
    if (this.#unanswered.size === 0) this.#answered(true);
  }

  #onOther(opcode, payload) {
    if (opcode === PING) this.#socket.write(maskedFrame(PONG, payload));
    else if (opcode !== CLOSE) throw new Error(`unexpected opcode ${opcode}`);
    else {
      this.#code = payload.length >= 2 ? String(payload.readUInt16BE(0)) : 'no code';
      this.#socket.end();
    }
  }
}
