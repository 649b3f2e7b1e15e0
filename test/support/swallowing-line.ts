import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { eventually } from './client.js';
import { FrameTally } from './frame-tally.js';

/** What a proxy such as nginx, and the systems before and behind it, take of a server before its socket is busy. */
const MOST_HELD = 4 * 1024 * 1024;

/** Turns of the loop in which nothing happens on a link that is settled. */
const QUIET_TURNS = 6;

/** One connection through the line. Bytes of the client pass at once, and those of the server when the test says so. */
export class Link {
  /** Bytes that were taken of the server and not passed on. */
  held = 0;
  /** The most there were, since the link was shut last. */
  mostHeld = 0;
  /** Bytes passed on to the client. */
  passed = 0;
  /** What was passed on to the client. */
  readonly down = new FrameTally();
  /** What the client has sent. */
  readonly up = new FrameTally();
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #serverSide: () => Socket | undefined;
  #queue: Buffer[] = [];
  #isOpen = true;
  #isOver = false;
  #taken = 0;

  constructor(client: Socket, upstream: Socket, serverSide: () => Socket | undefined) {
    this.#client = client;
    this.#upstream = upstream;
    this.#serverSide = serverSide;
    for (const socket of [client, upstream]) socket.on('error', () => {});
    client.on('data', (chunk: Buffer) => {
      this.up.feed(chunk);
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => this.#take(chunk));
    upstream.on('close', () => {
      this.#isOver = true;
      this.pass(0);
    });
    client.on('close', () => upstream.destroy());
  }

  /** Passes on so many bytes of what it holds. */
  pass(bytes: number): void {
    for (let left = bytes; left > 0 && this.#queue.length > 0;) {
      const first = this.#queue[0]!;
      const part = first.subarray(0, left);
      if (part.length === first.length) this.#queue.shift();
      else this.#queue[0] = first.subarray(left);
      left -= part.length;
      this.held -= part.length;
      this.passed += part.length;
      this.down.feed(part);
      this.#client.write(part);
    }
    if (this.held < MOST_HELD) this.#upstream.resume();
    if (this.#isOver && this.held === 0) this.#client.end();
  }

  /** Passes on what it holds, and from now on what comes. */
  open(): void {
    this.#isOpen = true;
    this.pass(this.held);
  }

  /** Passes nothing on by itself. */
  shut(): void {
    this.#isOpen = false;
    this.mostHeld = this.held;
  }

  /**
   * Waits until the client has answered the last ping that it was given whole, the server has acted on that, and the line has
   * taken what the server has written. Not for TLS.
   */
  async settled(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_TURNS;) {
      await new Promise(resolve => setImmediate(resolve));
      quiet = this.#isQuiet ? quiet + 1 : 0;
    }
  }

  get #isQuiet(): boolean {
    const server = this.#serverSide();
    if (server === undefined || server.destroyed || this.#client.destroyed) return true;
    const ping = this.down.pings.at(-1);
    return (
      (ping === undefined || this.up.pongs.lastIndexOf(ping) >= 0) &&
      server.bytesRead === this.#upstream.bytesWritten &&
      (server.bytesWritten === this.#taken || this.held >= MOST_HELD)
    );
  }

  #take(chunk: Buffer): void {
    this.#taken += chunk.length;
    this.held += chunk.length;
    this.mostHeld = Math.max(this.mostHeld, this.held);
    this.#queue.push(chunk);
    if (this.#isOpen) this.pass(this.held);
    else if (this.held >= MOST_HELD) this.#upstream.pause();
  }
}

/** A line between a server of this process and its clients. */
export interface SwallowingLine {
  readonly url: string;
  /** The link of the client that connects next. */
  next(): Promise<Link>;
}

/**
 * Starts a line that takes 4 MiB of what the server sends to each client, as proxies do, and passes on what a test tells it to.
 * It ends with the test.
 */
export async function swallowingLine(server: Server, url: string): Promise<SwallowingLine> {
  const links: Link[] = [];
  const sockets: Socket[] = [];
  const serverSides = new Map<number, Socket>();
  const note = (socket: Socket): void => void serverSides.set(socket.remotePort!, socket);
  server.on('connection', note);
  const entrance = createServer(client => {
    const upstream = connect(Number(new URL(url).port), '127.0.0.1');
    sockets.push(client, upstream);
    links.push(new Link(client, upstream, () => serverSides.get(upstream.localPort!)));
  });
  onTestFinished(() => {
    server.off('connection', note);
    for (const socket of sockets) socket.destroy();
    entrance.close();
  });
  await once(entrance.listen(0, '127.0.0.1'), 'listening');
  const to = new URL(url);
  to.port = String((entrance.address() as AddressInfo).port);
  return {
    url: to.href.replace(/\/$/, ''),
    async next() {
      const { length } = links;
      await eventually(() => links.length > length, 'a client on the line');
      return links[length]!;
    },
  };
}
