import { connect } from 'node:net';
import { CLOSE, closeFrame, maskedFrame, PING, PONG } from './masked-frame.mjs';
import { readBuffer } from './read-buffer.mjs';
import { upgradeRequest, UpgradeResponse } from './upgrade.mjs';

const FINAL_TEXT = 0x81;

/**
 * A WebSocket that asks and is answered: plain TCP with an upgrade by hand, as a `ws` client for each would cost more
 * than the server. It makes no object for a frame.
 */
export class RawSocket {
  #socket;
  #upgrade = new UpgradeResponse();
  #closing = false;
  #cut = Buffer.alloc(0);
  #hooks;
  #opening;
  /** Resolves when the server has accepted. */
  opened = new Promise((resolve, reject) => (this.#opening = { resolve, reject }));
  /** Resolves when the socket is gone. */
  closed;

  /**
   * @param {{ port: number, path: string }} target
   * @param {{
   *   onText: (buffer: Buffer, start: number, end: number) => void,
   *   onRead: () => void,
   *   onFailure: (error: Error) => void,
   * }} hooks `onText` for each text frame, its bytes valid during the call only; `onRead` after the frames of one read
   */
  constructor({ port, path }, hooks) {
    this.#hooks = hooks;
    this.#socket = connect({
      host: '127.0.0.1',
      port,
      noDelay: true,
      onread: { buffer: readBuffer, callback: (length, buffer) => this.#onBytes(buffer, length) },
    });
    this.#socket.write(upgradeRequest({ port, path }));
    const fail = error => {
      this.#opening.reject(error);
      if (!this.#closing) hooks.onFailure(error);
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

  /** Writes ready, masked frames in one go. */
  write(frames) {
    this.#socket.write(frames);
  }

  /** A proper close: the server's answer and its end of the TCP connection are awaited by `closed`. */
  close() {
    this.#closing = true;
    this.#socket.write(closeFrame());
  }

  #onBytes(buffer, length) {
    try {
      if (this.#upgrade === undefined) this.#read(buffer, length);
      else this.#onResponse(this.#upgrade.read(buffer.latin1Slice(0, length)));
    } catch (error) {
      this.#socket.destroy(error);
    }
    return true;
  }

  #onResponse(response) {
    if (response === undefined) return;
    this.#upgrade = undefined;
    this.#opening.resolve();
    if (response.rest.length > 0) this.#read(response.rest, response.rest.length);
  }

  #read(buffer, length) {
    if (this.#cut.length > 0) {
      buffer = Buffer.concat([this.#cut, buffer.subarray(0, length)]);
      length = buffer.length;
      this.#cut = buffer.subarray(0, 0);
    }
    const done = this.#frames(buffer, length);
    // A copy: the next read overwrites what is left.
    if (done < length) this.#cut = Buffer.from(buffer.subarray(done, length));
    this.#hooks.onRead();
  }

  /** Reads whole frames and returns where the first incomplete one begins. */
  #frames(buffer, end) {
    let at = 0;
    while (end - at >= 2) {
      let length = buffer[at + 1];
      let payload = at + 2;
      if (length === 126) {
        if (end - at < 4) break;
        length = buffer.readUInt16BE(at + 2);
        payload = at + 4;
      } else if (length > 126) throw new Error('a frame that no server of this benchmark sends');
      const next = payload + length;
      if (next > end) break;
      if (buffer[at] === FINAL_TEXT) this.#hooks.onText(buffer, payload, next);
      else this.#onControl(buffer[at] & 15, buffer.subarray(payload, next));
      at = next;
    }
    return at;
  }

  #onControl(opcode, payload) {
    if (opcode === PING) this.#socket.write(maskedFrame(PONG, payload));
    else if (opcode !== CLOSE) throw new Error(`unexpected opcode ${opcode}`);
    else if (this.#closing) this.#socket.end();
    else {
      const code = payload.length >= 2 ? payload.readUInt16BE(0) : 1005;
      throw new Error(`closed by the server: ${code} ${payload.toString('utf8', 2)}`);
    }
  }
}
