import { randomBytes } from 'node:crypto';
import net from 'node:net';
import { onTestFinished } from 'vitest';

/** Bytes sent as an HTTP request, and what comes back. Neither end is ever closed by this side. */
export class RawRequest {
  /** Everything that has come. */
  text = '';
  /** Settles when the server has closed the connection. */
  readonly closed: Promise<void>;
  readonly #head: Promise<void>;

  private constructor(readonly socket: net.Socket) {
    socket.on('error', () => {});
    this.closed = new Promise(resolve => {
      socket.on('close', () => resolve());
      socket.on('end', () => resolve());
    });
    this.#head = new Promise(resolve =>
      socket.on('data', chunk => {
        this.text += chunk.toString('latin1');
        if (this.text.includes('\r\n\r\n')) resolve();
      }),
    );
    onTestFinished(() => void socket.destroy());
  }

  /** Sends `bytes` as they are, in one write. */
  static send(url: string, bytes: string | Buffer): RawRequest {
    const { hostname, port } = new URL(url);
    const request = new RawRequest(net.connect({ host: hostname, port: Number(port), allowHalfOpen: true }));
    request.socket.write(bytes);
    return request;
  }

  /** Status of the answer; undefined when the connection was closed without a whole head. */
  async status(): Promise<number | undefined> {
    await Promise.race([this.#head, this.closed]);
    const whole = /^HTTP\/1\.1 (\d{3}) [^\r\n]*\r\n(?:[!-9;-~]+: ?[^\r\n]*\r\n)*\r\n/.exec(this.text);
    return whole === null ? undefined : Number(whole[1]);
  }
}

/** An upgrade request for RFC 6455. A header given as `undefined` is left out; one given as a list comes several times. */
export function upgrade(
  target: string,
  headers: Record<string, string | readonly string[] | undefined> = {},
): string {
  const all: typeof headers = {
    Host: '127.0.0.1',
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, values]) =>
    values === undefined ? [] : [values].flat().map(value => `${name}: ${value}\r\n`),
  );
  return `GET ${target} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** The status that an upgrade request is answered with: 101 for one that is let in. */
export function upgradeStatus(
  url: string,
  target: string,
  headers?: Parameters<typeof upgrade>[1],
): Promise<number | undefined> {
  return RawRequest.send(url, upgrade(target, headers)).status();
}
