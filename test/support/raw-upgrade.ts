import net from 'node:net';
import tls from 'node:tls';
import { onTestFinished } from 'vitest';

/** What an upgrade request is made of; undefined leaves a header out, and an array repeats it. */
export interface RawRequest {
  readonly method?: string;
  readonly target?: string;
  readonly headers?: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** Local address to connect from. */
  readonly from?: string;
  /** Leaves out the end of the headers. */
  readonly unfinished?: boolean;
}

/** A good handshake, but for what a test changes. */
const HEADERS = {
  Host: '127.0.0.1',
  Connection: 'Upgrade',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};

/** An upgrade request on a bare socket, byte by byte as the test wants it. It never ends the connection by itself. */
export class RawUpgrade {
  /** Everything that came. */
  text = '';
  /** Settles with everything that came when the server has ended the connection. */
  readonly closed: Promise<string>;
  /** Settles when the head of an answer is there. */
  readonly answered: Promise<RawUpgrade>;

  constructor(readonly socket: net.Socket) {
    socket.on('error', () => {});
    this.closed = new Promise(resolve => {
      for (const event of ['end', 'close']) socket.on(event, () => resolve(this.text));
    });
    this.answered = new Promise(resolve =>
      socket.on('data', chunk => {
        this.text += chunk.toString('latin1');
        if (this.text.includes('\r\n\r\n')) resolve(this);
      }),
    );
    onTestFinished(() => void socket.destroy());
  }

  /** Connects to a `ws:` or `wss:` address and sends a request to its path. */
  static async to(url: string, { method = 'GET', target, headers = {}, from, unfinished }: RawRequest = {}) {
    const upgrade = await RawUpgrade.silent(url, from);
    const { pathname, search } = new URL(url);
    const lines = Object.entries({ ...HEADERS, ...headers }).flatMap(([name, value]) =>
      [value ?? []].flat().map(each => `${name}: ${each}`),
    );
    const end = unfinished ? [] : ['', ''];
    upgrade.socket.write(
      [`${method} ${target ?? pathname + search} HTTP/1.1`, ...lines, ...end].join('\r\n'),
    );
    return upgrade;
  }

  /** Connects to a `ws:` or `wss:` address and sends nothing. */
  static async silent(url: string, from?: string): Promise<RawUpgrade> {
    const { protocol, hostname: host, port } = new URL(url);
    const options = {
      host,
      port: Number(port),
      allowHalfOpen: true,
      rejectUnauthorized: false,
      ...(from !== undefined && { localAddress: from }),
    };
    const socket = protocol === 'wss:' ? tls.connect(options) : net.connect(options);
    const upgrade = new RawUpgrade(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once(protocol === 'wss:' ? 'secureConnect' : 'connect', resolve);
      socket.once('error', reject);
    });
    return upgrade;
  }

  get status(): number {
    return Number(this.text.split(' ', 2)[1]);
  }

  /** The value of a header of the answer. */
  header(name: string): string | undefined {
    const head = this.text.split('\r\n\r\n', 1)[0]!.split('\r\n').slice(1);
    const line = head.find(each => each.toLowerCase().startsWith(`${name.toLowerCase()}:`));
    return line?.slice(name.length + 1).trim();
  }
}
