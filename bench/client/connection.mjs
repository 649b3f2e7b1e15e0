import { connect } from 'node:net';
import { topicIndex } from '../message.mjs';
import { FrameCounter } from './frame-counter.mjs';
import { CLOSE, closeFrame, maskedFrame, PING, PONG, TEXT } from './masked-frame.mjs';
import { readBuffer } from './read-buffer.mjs';
import { upgradeRequest, UpgradeResponse } from './upgrade.mjs';

/** One subscriber: plain TCP with an upgrade by hand, as ten thousand `ws` clients would cost more than the server. */
export class Connection {
  #socket;
  #frames;
  #target;
  #number;
  #topics;
  #cursors;
  #unanswered;
  #upgrade = new UpgradeResponse();
  #closing = false;
  #waiting;
  /** Resolves when subscribed to everything. */
  ready = new Promise((resolve, reject) => (this.#waiting = { resolve, reject }));
  /** Resolves when the socket is gone. */
  closed;

  /**
   * @param {number} number of the connection, which its topics follow from
   * @param {{ port: number, dialect: typeof import('./dialects.mjs').DIALECTS['nest'], subprotocol?: string, extensions?: string }} target
   * @param {import('./frame-counter.mjs').Reading} reading
   * @param {{ onStamp?: (at: number) => void, onFailure: (error: Error) => void, onCompressed?: (payload: Buffer, connection: Connection) => void }} hooks
   */
  constructor(number, target, reading, { onStamp, onFailure, onCompressed }) {
    this.#number = number;
    this.#target = target;
    this.#cursors = reading.cursors;
    this.#topics = reading.cursors.topicsOf(number);
    this.#unanswered = new Set(this.#topics);
    this.#frames = new FrameCounter(reading, number, {
      text: text => this.#onText(text),
      other: (firstByte, payload) => this.#onOther(firstByte, payload, onCompressed),
      stamp: onStamp,
    });
    this.#socket = connect({
      host: '127.0.0.1',
      port: target.port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length, buffer) => this.#onRead(length, buffer) },
    });
    this.#socket.write(upgradeRequest(requestOf(target)));

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

  get number() {
    return this.#number;
  }

  /** Bytes of publications. */
  get bytes() {
    return this.#frames.bytes;
  }

  /** The payload of a text frame that was compressed. */
  inflated(payload) {
    this.#frames.text(payload, 0, payload.length);
  }

  /** Reads nothing more, until `resume`. */
  pause() {
    this.#socket.pause();
  }

  resume() {
    this.#socket.resume();
  }

  /** A proper close: the server's answer and its end of the TCP connection are awaited by `closed`. */
  close() {
    this.#closing = true;
    this.#socket.write(closeFrame());
  }

  #onRead(length, buffer) {
    try {
      if (this.#upgrade === undefined) this.#frames.read(buffer, 0, length);
      else this.#onResponse(this.#upgrade.read(buffer.latin1Slice(0, length)));
    } catch (error) {
      this.#socket.destroy(error);
    }
    return true;
  }

  #onResponse(response) {
    if (response === undefined) return;
    this.#checkResponse(response.head);
    this.#upgrade = undefined;
    const hello = this.#target.dialect.hello(this.#topics);
    if (this.#topics.length === 0) this.#waiting.resolve();
    else if (hello !== undefined) this.#send(hello);
    if (response.rest.length > 0) this.#frames.read(response.rest, 0, response.rest.length);
  }

  #checkResponse(head) {
    // Without these the server would send frames of one format, and figures would be shown as those of the other.
    const header = name => new RegExp(`^${name}: *([^;\\s]+)`, 'im').exec(head)?.[1];
    const { subprotocol, extensions } = this.#target;
    const agreed = header('sec-websocket-protocol');
    if (agreed !== subprotocol) throw new Error(`subprotocol is ${agreed}, not ${subprotocol}`);
    const extension = header('sec-websocket-extensions');
    if ((extension === undefined) !== (extensions === undefined)) {
      throw new Error(
        `the server agreed to ${extension ?? 'no extension'}; asked for ${extensions ?? 'none'}`,
      );
    }
  }

  #onText(text) {
    const { reply, subscribed } = this.#target.dialect.onText(text, this.#topics) ?? {};
    if (reply !== undefined) this.#send(reply);
    else if (subscribed !== undefined) this.#onSubscribed(subscribed);
    else throw new Error(`unexpected frame: ${text.slice(0, 200)}`);
  }

  #onSubscribed({ topic, position }) {
    if (!this.#unanswered.delete(topic)) throw new Error(`unexpected answer for ${topic}`);
    // '<epoch>:<offset>' is the last publication before this subscription.
    const offset = Number(position.slice(position.lastIndexOf(':') + 1));
    this.#cursors.begin(this.#number, topicIndex(topic), offset);
    if (this.#unanswered.size === 0) this.#waiting.resolve();
  }

  #send(text) {
    this.#socket.write(maskedFrame(TEXT, Buffer.from(text)));
  }

  #onOther(firstByte, payload, onCompressed) {
    const opcode = firstByte & 15;
    const compressed = (firstByte & 0x40) !== 0;
    if (opcode === TEXT && compressed && onCompressed !== undefined) onCompressed(payload, this);
    else if (opcode === PING) this.#socket.write(maskedFrame(PONG, payload));
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

function requestOf({ port, dialect, subprotocol, extensions }) {
  const headers = [
    ...(subprotocol ? [`Sec-WebSocket-Protocol: ${subprotocol}`] : []),
    ...(extensions ? [`Sec-WebSocket-Extensions: ${extensions}`] : []),
  ];
  return { port, path: dialect.target, headers };
}
