import { WebSocket } from 'ws';

/** Shared by all clients of the process. */
export interface Tally {
  connections: number;
  received: number;
  lost: number;
  problem?: string;
}

/** How far a client has come in a topic: the wire's position, `<epoch>:<offset>`. */
interface Cursor {
  epoch: string;
  offset: number;
}

/** The frames of the wire that a client has to understand. */
type Frame =
  | { topic: string; offset: number; event?: undefined }
  | { event: 'symbols'; data: string[] }
  | { event: 'subscribed'; data: { topic: string; position: string; recovered?: boolean } }
  | { event: 'gap'; data: { topic: string; from: number; to: number } }
  | { event: 'error'; data: { code: string; message: string } };

const TOPICS_A_CLIENT = 20;
const RETRY_AFTER = /retry-after=(\d+)$/;
const FIRST_RETURN_MS = 250;
const LONGEST_RETURN_MS = 10_000;

/** Follows some symbols, and checks that every publication arrives once and in order. */
export class SimulatedClient {
  readonly #cursors = new Map<string, Cursor | undefined>();
  #socket!: WebSocket;
  #attempts = 0;

  constructor(
    private readonly url: string,
    private readonly tally: Tally,
  ) {}

  /** Connects, and comes back whenever the connection is lost. */
  connect(): void {
    // The subprotocol allows the server to put a whole batch into one frame, as an array.
    const socket = new WebSocket(this.url, 'fanout.v1.json', { perMessageDeflate: false });
    let opened = false;
    socket.on('open', () => {
      opened = true;
      this.tally.connections++;
      this.#onOpen();
    });
    socket.on('message', data => this.#onMessage(data.toString()));
    socket.on('error', error => (this.tally.problem = error.message));
    socket.on('close', (code, reason) => {
      if (opened) this.tally.connections--;
      this.#onClose(code, reason.toString());
    });
    this.#socket = socket;
  }

  #onOpen(): void {
    this.#attempts = 0;
    delete this.tally.problem;
    if (this.#cursors.size === 0) return this.#send('symbols');
    // Back again: go on after the last publication seen. `since` belongs to one topic, so each asks by itself.
    for (const [topic, cursor] of this.#cursors) {
      this.#send('subscribe', { topic, since: cursor && `${cursor.epoch}:${cursor.offset}` });
    }
  }

  #onMessage(text: string): void {
    const parsed = JSON.parse(text) as Frame | Frame[];
    if (!Array.isArray(parsed)) return this.#onFrame(parsed);
    for (const frame of parsed) this.#onFrame(frame);
  }

  #onFrame(frame: Frame): void {
    switch (frame.event) {
      case undefined:
        return this.#onPublication(frame.topic, frame.offset);
      case 'symbols':
        return this.#follow(frame.data);
      case 'subscribed':
        return this.#onSubscribed(frame.data);
      case 'gap':
        return this.#skip(frame.data.topic, frame.data.to);
      case 'error':
        this.tally.problem = frame.data.message;
    }
  }

  #onPublication(topic: string, offset: number): void {
    this.tally.received++;
    this.#skip(topic, offset - 1);
    const cursor = this.#cursors.get(topic);
    if (cursor !== undefined) cursor.offset = offset;
  }

  /** Whatever lies between our cursor and `offset` did not come. */
  #skip(topic: string, offset: number): void {
    const cursor = this.#cursors.get(topic);
    if (cursor === undefined) return;
    // A publication that comes twice is as wrong as one that does not come at all.
    this.tally.lost += Math.abs(offset - cursor.offset);
    cursor.offset = offset;
  }

  #follow(symbols: string[]): void {
    // Neighbours from a random place: every symbol gets about the same number of followers.
    const start = Math.floor(Math.random() * symbols.length);
    const number = Math.min(TOPICS_A_CLIENT, symbols.length);
    for (let i = 0; i < number; i++) {
      this.#cursors.set(`prices.${symbols[(start + i) % symbols.length]}`, undefined);
    }
    this.#send('subscribe', { topics: [...this.#cursors.keys()] });
  }

  #onSubscribed({
    topic,
    position,
    recovered,
  }: {
    topic: string;
    position: string;
    recovered?: boolean;
  }): void {
    // Recovered: the publications we missed follow, so the cursor stays where it is.
    if (recovered) return;
    const colon = position.lastIndexOf(':');
    this.#cursors.set(topic, { epoch: position.slice(0, colon), offset: Number(position.slice(colon + 1)) });
  }

  #onClose(code: number, reason: string): void {
    // 4500 and up is the server's "do not come back".
    if (code >= 4500 && code <= 4999) return;
    const window = Math.min(LONGEST_RETURN_MS, FIRST_RETURN_MS * 2 ** this.#attempts++);
    // A server that goes down says how long it needs. Then anywhere in the window, or everyone who was thrown
    // out together would return together.
    const wait = Number(RETRY_AFTER.exec(reason)?.[1] ?? 0) + Math.random() * window;
    setTimeout(() => this.connect(), wait);
  }

  #send(event: string, data?: object): void {
    this.#socket.send(JSON.stringify({ event, data }));
  }
}
