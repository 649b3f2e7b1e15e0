import { STATUS_CODES } from 'node:http';

/** Bytes of an error frame at most, as docs/protocol.md says. */
const LONGEST_ERROR = 512;

const START = Buffer.from('HTTP/1.1 ');

const KEPT_BYTES = 256 * 1024;

/** What the server sends on one connection, read as strictly as it can be: what breaks HTTP, RFC 6455 or our protocol is a fault. */
export class Answer {
  /** Status of the last HTTP reply. */
  status: number | undefined;
  /** Code of the close frame. */
  closeCode: number | undefined;
  fault: string | undefined;
  #rest = Buffer.alloc(0);
  #body = 0;
  #upgraded = false;
  #deflate = false;
  /** Fragmented messages come from no server of ours. */
  #bytes = 0;

  take(chunk: Buffer): void {
    this.#bytes += chunk.length;
    if (this.fault !== undefined) return;
    this.#rest = Buffer.concat([this.#rest, chunk]);
    try {
      while (this.#upgraded ? this.#frame() : this.#reply());
    } catch (error) {
      this.fault = (error as Error).message;
    }
  }

  get bytes(): number {
    return this.#bytes;
  }

  get upgraded(): boolean {
    return this.#upgraded;
  }

  /** What is wrong with it if nothing more comes. */
  atEnd(): string | undefined {
    if (this.fault !== undefined || this.#upgraded || this.#rest.length === 0) return this.fault;
    return `an HTTP reply that ends too early: ${shown(this.#rest)}`;
  }

  /** One HTTP reply, if it is whole. */
  #reply(): boolean {
    // The reply to a HEAD tells the length of a body that does not come.
    if (this.#body > 0 && !this.#rest.subarray(0, START.length).equals(START)) {
      const taken = Math.min(this.#body, this.#rest.length);
      this.#body -= taken;
      this.#rest = this.#rest.subarray(taken);
      return this.#rest.length > 0;
    }
    const end = this.#rest.indexOf('\r\n\r\n');
    if (end < 0) {
      if (this.#rest.length > KEPT_BYTES) throw new Error('an HTTP head that does not end');
      return false;
    }
    const [first = '', ...lines] = this.#rest.toString('latin1', 0, end).split('\r\n');
    const [, code] = /^HTTP\/1\.1 (\d{3}) [ -~]+$/.exec(first) ?? [];
    if (code === undefined || STATUS_CODES[code] === undefined)
      throw new Error(`no HTTP reply: ${shown(this.#rest)}`);
    const headers = new Map(lines.map(line => headerOf(line)));
    this.status = Number(code);
    this.#rest = this.#rest.subarray(end + 4);
    if (this.status === 101) {
      this.#upgraded = true;
      this.#deflate = headers.get('sec-websocket-extensions')?.startsWith('permessage-deflate') === true;
      return true;
    }
    const length = headers.get('content-length');
    // A reply of the application's, in chunks, is not ours to judge: it ends with the connection.
    this.#body = length === undefined ? (this.status < 200 ? 0 : Infinity) : Number(length);
    return this.#rest.length > 0;
  }

  /** One frame, if it is whole. */
  #frame(): boolean {
    const rest = this.#rest;
    if (rest.length < 2) return false;
    const [first, second] = [rest[0]!, rest[1]!];
    if (this.closeCode !== undefined) throw new Error('a frame after the close frame');
    if ((second & 0x80) !== 0) throw new Error('a masked frame from the server');
    const head = second === 127 ? 10 : second === 126 ? 4 : 2;
    if (rest.length < head) return false;
    const length = head === 10 ? Number(rest.readBigUInt64BE(2)) : head === 4 ? rest.readUInt16BE(2) : second;
    if (rest.length < head + length) return false;
    this.#rest = rest.subarray(head + length);
    this.#check(first, rest.subarray(head, head + length));
    return true;
  }

  #check(first: number, payload: Buffer): void {
    const opcode = first & 15;
    if ((first & 0x80) === 0) throw new Error('a fragment from the server');
    if ((first & 0x30) !== 0 || ((first & 0x40) !== 0 && !(this.#deflate && opcode === 1)))
      throw new Error(`reserved bits in a frame: ${first}`);
    if (opcode === 8) this.closeCode = payload.length < 2 ? 1005 : payload.readUInt16BE(0);
    else if (opcode === 1 && (first & 0x40) === 0) checkText(payload.toString());
    else if (![1, 2, 9, 10].includes(opcode)) throw new Error(`a frame of opcode ${opcode}`);
  }
}

function headerOf(line: string): [string, string] {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t -~\u0080-ÿ]*)$/.exec(line);
  if (match === null) throw new Error(`no HTTP header: ${JSON.stringify(line)}`);
  return [match[1]!.toLowerCase(), match[2]!];
}

function checkText(text: string): void {
  try {
    JSON.parse(text);
  } catch {
    throw new Error(`a text that is no JSON: ${text.slice(0, 200)}`);
  }
  if (text.startsWith('{"event":"error"') && Buffer.byteLength(text) > LONGEST_ERROR)
    throw new Error(`an error frame of ${Buffer.byteLength(text)} bytes: ${text.slice(0, 200)}`);
}

function shown(bytes: Buffer): string {
  return JSON.stringify(bytes.toString('latin1', 0, 200));
}
