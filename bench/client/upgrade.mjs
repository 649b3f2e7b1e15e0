import { randomBytes } from 'node:crypto';

const END_OF_HEADERS = '\r\n\r\n';

/** The request that makes a TCP connection to a WebSocket, by hand. @param {{ port: number, path: string, headers?: string[] }} of */
export function upgradeRequest({ port, path, headers = [] }) {
  return [
    `GET ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...headers,
    '\r\n',
  ].join('\r\n');
}

/** The answer to it, as it comes in. */
export class UpgradeResponse {
  #text = '';

  /**
   * @param {string} chunk latin1, so that a character is a byte
   * @returns {{ head: string, rest: Buffer } | undefined} when it is complete: `rest` is what follows it already
   * @throws when the server has refused
   */
  read(chunk) {
    this.#text += chunk;
    const end = this.#text.indexOf(END_OF_HEADERS);
    if (end < 0) return undefined;
    const head = this.#text.slice(0, end);
    const rest = Buffer.from(this.#text.slice(end + END_OF_HEADERS.length), 'latin1');
    this.#text = '';
    if (!head.startsWith('HTTP/1.1 101 ')) throw new Error(`refused: ${head.slice(0, head.indexOf('\r'))}`);
    return { head, rest };
  }
}
