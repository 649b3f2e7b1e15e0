import { connect, type Socket } from 'node:net';

/** An HTTP request written by hand on a socket of its own. */
export class RawRequest {
  /** Everything that came. */
  text = '';
  /** Settles when the head of an answer is there, or the server has ended the connection. */
  readonly answered: Promise<string>;
  readonly ended: Promise<void>;
  readonly #socket: Socket;

  constructor(port: number, path: string, headers: Record<string, string>) {
    this.#socket = connect(port, '127.0.0.1');
    this.#socket.on('error', () => {});
    this.ended = new Promise(resolve => this.#socket.once('close', () => resolve()));
    const answer = new Promise<void>(resolve =>
      this.#socket.on('data', chunk => {
        this.text += chunk.toString('latin1');
        if (this.text.includes('\r\n\r\n')) resolve();
      }),
    );
    this.answered = Promise.race([answer, this.ended]).then(() => this.text.split('\r\n')[0]!);
    const lines = Object.entries({ Host: '127.0.0.1', ...headers }).map(
      ([name, value]) => `${name}: ${value}`,
    );
    this.#socket.write([`GET ${path} HTTP/1.1`, ...lines, '', ''].join('\r\n'));
  }

  static upgrade(port: number, path: string): RawRequest {
    return new RawRequest(port, path, {
      Connection: 'Upgrade',
      Upgrade: 'websocket',
      'Sec-WebSocket-Version': '13',
      'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
