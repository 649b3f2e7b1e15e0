import { randomBytes } from 'node:crypto';
import net from 'node:net';
import tls from 'node:tls';
import { constants, deflateRawSync, inflateRawSync } from 'node:zlib';
import { onTestFinished } from 'vitest';

/** One frame as it came over the wire, or a message whose fragments came. */
export interface RawFrame {
  readonly opcode: number;
  /** Inflated, if it came deflated. */
  readonly payload: Buffer;
  readonly deflated: boolean;
}

/** Bit of the last frame of a message. */
const FIN = 0x80;

const CONTINUATION = 0;
const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

/**
 * A WebSocket client on a bare socket, whose reading can be stopped and started exactly. It answers nothing by itself:
 * neither pings nor a close.
 */
export class RawClient {
  readonly frames: RawFrame[] = [];
  /** Bytes read after the handshake. */
  bytes = 0;
  /** Frames that are a part of a message. */
  fragments = 0;
  /** What the server agreed to, as its header says. */
  extensions = '';
  /** Settles when the socket has closed. */
  readonly closed: Promise<void>;
  #rest: Buffer = Buffer.alloc(0);
  /** What came since, until the frame that has begun is whole: a large one comes in hundreds of pieces. */
  #pieces: Buffer[] = [];
  #missing = 0;
  /** The message whose fragments come. */
  #cut: { readonly deflated: boolean; readonly parts: Buffer[] } | undefined;
  #handshake: (() => void) | undefined;
  /** What was wrong with the bytes that came. Every wait fails with it. */
  #broken: Error | undefined;
  readonly #waiting = new Set<() => void>();

  private constructor(readonly socket: net.Socket) {
    socket.on('error', () => {});
    socket.on('data', chunk => this.#receive(chunk));
    this.closed = new Promise(resolve => socket.on('close', () => resolve()));
    onTestFinished(() => void socket.destroy());
  }

  /** Connects and upgrades. */
  static async connect(url: string, protocol?: string, extensions?: string): Promise<RawClient> {
    const { protocol: scheme, hostname: host, port, pathname, search } = new URL(url);
    const options = { host, port: Number(port), rejectUnauthorized: false };
    const socket = scheme === 'wss:' ? tls.connect(options) : net.connect(options);
    const client = new RawClient(socket);
    const done = new Promise<void>((resolve, reject) => {
      client.#handshake = resolve;
      socket.once('close', () => reject(new Error('closed before the handshake')));
    });
    socket.write(
      `GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n` +
        `${protocol === undefined ? '' : `Sec-WebSocket-Protocol: ${protocol}\r\n`}` +
        `${extensions === undefined ? '' : `Sec-WebSocket-Extensions: ${extensions}\r\n`}\r\n`,
    );
    await done;
    return client;
  }

  get texts(): string[] {
    return this.frames.filter(({ opcode }) => opcode === TEXT).map(({ payload }) => payload.toString());
  }

  /** How many texts there are: {@link texts} are dear where they are megabytes. */
  get count(): number {
    return this.frames.filter(({ opcode }) => opcode === TEXT).length;
  }

  /** Every text, parsed; a batched frame counts as its parts. */
  get messages(): any[] {
    return this.texts.flatMap(text => JSON.parse(text));
  }

  get pings(): number {
    return this.frames.filter(({ opcode }) => opcode === PING).length;
  }

  /** Code and reason of the close frame, if one came. */
  get close(): { code: number; reason: string } | undefined {
    const frame = this.frames.find(({ opcode }) => opcode === CLOSE);
    return frame && { code: frame.payload.readUInt16BE(), reason: frame.payload.toString('utf8', 2) };
  }

  /** Sends messages in one write, each a frame. */
  send(...messages: unknown[]): void {
    this.socket.write(Buffer.concat(messages.map(message => maskedText(JSON.stringify(message)))));
  }

  async subscribe(topic: string): Promise<void> {
    this.send({ event: 'subscribe', id: topic, data: { topic } });
    const start = `{"event":"subscribed","id":"${topic}"`;
    await this.until(() => this.texts.some(text => text.startsWith(start)));
  }

  /** Waits until a condition over what was read holds. */
  until(holds: () => boolean, ms = 10_000): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.#broken === undefined && !holds()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        if (this.#broken === undefined) resolve();
        else reject(this.#broken);
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`not within ${ms} ms; ${this.frames.length} frames, ${this.bytes} bytes read`));
      }, ms);
      this.#waiting.add(look);
      look();
    });
  }

  /** Reads on a byte at a time, letting the event loop turn between small bites, until `enough` or the end. */
  drip(enough: () => boolean): Promise<void> {
    const bite = (): Buffer => {
      const bytes: Buffer[] = [];
      for (let i = 0; i < BITE; i++) {
        const byte = this.socket.read(1) as Buffer | null;
        if (byte === null) break;
        bytes.push(byte);
      }
      return Buffer.concat(bytes);
    };
    return this.#readBy(bite, () => new Promise(resolve => setImmediate(resolve)), enough);
  }

  /** Reads on steadily, at no more than six megabytes a second, until `enough` or the end. */
  sip(enough: () => boolean): Promise<void> {
    const sip = (): Buffer => (this.socket.read(SIP) ?? this.socket.read() ?? Buffer.alloc(0)) as Buffer;
    return this.#readBy(sip, () => new Promise(resolve => setTimeout(resolve, 10)), enough);
  }

  async #readBy(take: () => Buffer, pause: () => Promise<void>, enough: () => boolean): Promise<void> {
    const { socket } = this;
    socket.pause();
    socket.removeAllListeners('data');
    while (!enough() && !socket.readableEnded && !socket.destroyed) {
      this.#receive(take());
      await pause();
    }
  }

  #receive(chunk: Buffer): void {
    if (this.#broken !== undefined) return;
    this.#pieces.push(chunk);
    this.#missing -= chunk.length;
    if (this.#missing <= 0) {
      this.#rest = Buffer.concat([this.#rest, ...this.#pieces]);
      this.#pieces = [];
    }
    if (this.#handshake !== undefined) {
      const end = this.#rest.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#rest.toString('latin1', 0, end);
      if (!head.startsWith('HTTP/1.1 101')) return void this.socket.destroy();
      this.extensions = /^sec-websocket-extensions: (.*)$/im.exec(head)?.[1] ?? '';
      this.#rest = this.#rest.subarray(end + 4);
      this.#handshake();
      this.#handshake = undefined;
      this.bytes += this.#rest.length;
    } else this.bytes += chunk.length;
    if (this.#missing <= 0) this.#parse();
    for (const look of this.#waiting) look();
  }

  /** With the window that was agreed on: bytes that refer further back do not inflate. */
  #inflate(payload: Buffer): Buffer {
    const windowBits = Number(/server_max_window_bits=(\d+)/.exec(this.extensions)?.[1] ?? 15);
    const finishFlush = constants.Z_SYNC_FLUSH;
    return inflateRawSync(Buffer.concat([payload, TAIL]), { windowBits, finishFlush });
  }

  /** RFC 6455 section 5.2; anything a server may not send is an error. */
  #parse(): void {
    for (;;) {
      const rest = this.#rest;
      if (rest.length < 2) return;
      if (!this.#isGood(rest[0]!, rest[1]!)) {
        this.#broken = new Error(
          `no server frame after ${this.frames.length} good ones: ${rest.toString('latin1', 0, 40)}`,
        );
        return;
      }
      const short = rest[1]!;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (rest.length < start) return;
      const length =
        short < 126 ? short : short === 126 ? rest.readUInt16BE(2) : Number(rest.readBigUInt64BE(2));
      this.#missing = start + length - rest.length;
      if (this.#missing > 0) return;
      this.#rest = rest.subarray(start + length);
      this.#add(rest[0]!, Buffer.from(rest.subarray(start, start + length)));
    }
  }

  /** Whether a frame may begin with these two bytes here. */
  #isGood(first: number, second: number): boolean {
    const opcode = first & 0x0f;
    if ((second & 0x80) !== 0 || (first & 0x30) !== 0) return false;
    if ([CLOSE, PING, PONG].includes(opcode)) return (first & 0xf0) === FIN;
    const isDeflated = (first & 0x40) !== 0;
    if (opcode === CONTINUATION) return this.#cut !== undefined && !isDeflated;
    return opcode === TEXT && this.#cut === undefined && !(isDeflated && this.extensions === '');
  }

  /** Takes a frame. The fragments of a message count as one. */
  #add(first: number, payload: Buffer): void {
    const opcode = first & 0x0f;
    if (opcode >= CLOSE) return void this.frames.push({ opcode, payload, deflated: false });
    const message = (this.#cut ??= { deflated: (first & 0x40) !== 0, parts: [] });
    message.parts.push(payload);
    if (opcode === CONTINUATION || (first & FIN) === 0) this.fragments++;
    if ((first & FIN) === 0) return;
    this.#cut = undefined;
    const whole = Buffer.concat(message.parts);
    const { deflated } = message;
    this.frames.push({ opcode: TEXT, payload: deflated ? this.#inflate(whole) : whole, deflated });
  }
}

/** Ends a deflated message, which both sides leave out: RFC 7692 section 7.2.1. */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/** Bytes that a dripping reader takes in one turn of the loop. */
const BITE = 2048;

/** Bytes that a sipping reader takes every ten milliseconds. */
const SIP = 64 * 1024;

/** A text frame as a client has to send it: masked. */
export function maskedText(text: string): Buffer {
  return masked(0x81, Buffer.from(text));
}

/** A deflated text frame of a client that has agreed to permessage-deflate. */
export function maskedDeflatedText(text: string): Buffer {
  const payload = deflateRawSync(text, { level: 9, finishFlush: constants.Z_SYNC_FLUSH });
  return masked(0xc1, payload.subarray(0, -TAIL.length));
}

/** @param first FIN, reserved bits and opcode */
export function masked(first: number, content: Buffer): Buffer {
  const payload = Buffer.from(content);
  const mask = randomBytes(4);
  for (let i = 0; i < payload.length; i++) payload[i]! ^= mask[i % 4]!;
  const head = payload.length < 126 ? Buffer.from([first, 0x80 | payload.length]) : Buffer.alloc(4);
  if (payload.length >= 126) {
    head[0] = first;
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  }
  return Buffer.concat([head, mask, payload]);
}
