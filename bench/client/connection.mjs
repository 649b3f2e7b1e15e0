import { randomBytes } from 'node:crypto';
import { connect } from 'node:net';
import { PATH, TOPIC } from '../message.mjs';
import { FrameCounter } from './frame-counter.mjs';
import { CLOSE, maskedFrame, PONG, TEXT } from './masked-frame.mjs';

const PING = 9;
const END_OF_HEADERS = Buffer.from('\r\n\r\n');
const SUBSCRIBE = Buffer.from(JSON.stringify({ event: 'subscribe', data: { topic: TOPIC } }));
const NORMAL_CLOSURE = Buffer.from([0x03, 0xe8]); // 1000

// Every socket of the client reads into this one buffer: what is read is counted before the next read begins.
const readBuffer = Buffer.allocUnsafeSlow(256 * 1024);

/** One subscriber: plain TCP with an upgrade by hand, as ten thousand `ws` clients would cost more than the server. */
export class Connection {
  #socket;
  #frames;
  #subprotocol;
  #upgraded = false;
  #subscribed = false;
  #closing = false;
  #waiting;
  #response = '';
  /** Resolves when subscribed. */
  ready = new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  /** Resolves when the socket is gone. */
  closed;

  /**
   * @param {{ port: number, subprotocol?: string }} target
   * @param {import('./frame-counter.mjs').Tally} tally
   * @param {{ onStamp?: (at: number) => void, onFailure: (error: Error) => void }} hooks
   */
  constructor({ port, subprotocol }, tally, { onStamp, onFailure }) {
    this.#frames = new FrameCounter(
      tally,
      text => this.#onText(text),
      (opcode, payload) => this.#onControl(opcode, payload),
      onStamp,
    );
    this.#subprotocol = subprotocol;
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length, buffer) => this.#onRead(length, buffer) },
    });
    this.#socket.write(upgradeRequest(port, subprotocol));

    const fail = error => {
      this.#waiting.reject(error);
      if (!this.#closing) onFailure(error);
      this.#socket.destroy();
    };
    this.#socket.on('error', fail);
    this.closed = new Promise(resolve => {
      this.#socket.on('close', () => {
        fail(new Error('the server ended a connection'));
        resolve();
      });
    });
  }

  get next() {
    return this.#frames.next;
  }

  get base() {
    return this.#frames.base;
  }

  get bytes() {
    return this.#frames.bytes;
  }

  /** A proper close: the server's answer and its end of the TCP connection are awaited by `closed`. */
  close() {
    this.#closing = true;
    this.#socket.write(maskedFrame(CLOSE, NORMAL_CLOSURE));
  }

  #onRead(length, buffer) {
    try {
      if (this.#upgraded) this.#frames.read(buffer, 0, length);
      else this.#onResponse(buffer.subarray(0, length));
    } catch (error) {
      this.#socket.destroy(error);
    }
    return true;
  }

  #onResponse(chunk) {
    // latin1, so that a character is a byte. The 101 is short: in practice this runs once.
    this.#response += chunk.toString('latin1');
    const end = this.#response.indexOf(END_OF_HEADERS.toString());
    if (end < 0) return;
    if (!this.#response.startsWith('HTTP/1.1 101 ')) {
      throw new Error(`refused: ${this.#response.slice(0, this.#response.indexOf('\r'))}`);
    }
    // Without it the server would send plain frames, and figures of one format would be shown as those of the other.
    const agreed = /^sec-websocket-protocol: *(\S+)/im.exec(this.#response.slice(0, end))?.[1];
    if (agreed !== this.#subprotocol) throw new Error(`subprotocol is ${agreed}, not ${this.#subprotocol}`);
    this.#upgraded = true;
    this.#socket.write(maskedFrame(TEXT, SUBSCRIBE));
    const rest = Buffer.from(this.#response.slice(end + END_OF_HEADERS.length), 'latin1');
    this.#response = '';
    if (rest.length > 0) this.#frames.read(rest, 0, rest.length);
  }

  #onText(text) {
    const { event, data } = JSON.parse(text);
    if (event !== 'subscribed' || this.#subscribed)
      throw new Error(`unexpected frame: ${text.slice(0, 200)}`);
    this.#subscribed = true;
    // '<epoch>:<offset>' is the last publication before this subscription.
    this.#frames.base = Number(data.position.slice(data.position.lastIndexOf(':') + 1));
    this.#frames.next = this.#frames.base + 1;
    this.#waiting.resolve();
  }

  #onControl(opcode, payload) {
    if (opcode === PING) this.#socket.write(maskedFrame(PONG, payload));
    else if (opcode === CLOSE) this.#onClose(payload);
    else throw new Error(`unexpected opcode ${opcode}`);
  }

  #onClose(payload) {
    if (!this.#closing) {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      throw new Error(`closed by the server: ${code} ${payload.toString('utf8', 2)}`);
    }
    this.#socket.end();
  }
}

function upgradeRequest(port, subprotocol) {
  return [
    `GET ${PATH} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...(subprotocol ? [`Sec-WebSocket-Protocol: ${subprotocol}`] : []),
    '\r\n',
  ].join('\r\n');
}
