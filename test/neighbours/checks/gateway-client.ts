import { type ClientOptions, WebSocket } from 'ws';
import { within } from './within.js';

/** Milliseconds after which a frame that does not come fails the check. */
const PATIENCE_MS = 5000;

/** The end of a connection as its client sees it. */
export interface Closed {
  readonly code: number;
  readonly reason: string;
}

/** A `ws` client of a gateway that remembers every frame; a batch counts as its parts. */
export class GatewayClient {
  readonly frames: any[] = [];
  readonly closed: Promise<Closed>;
  readonly #looks = new Set<() => void>();
  #id = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', data => {
      this.frames.push(...[JSON.parse(String(data))].flat());
      for (const look of this.#looks) look();
    });
    this.closed = new Promise(resolve =>
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    );
    socket.on('error', () => {});
  }

  /** Rejects with the error of `ws` when the handshake is refused. */
  static async connect(url: string, options: { token?: string; protocols?: string[] } = {}) {
    const { token, protocols = [] } = options;
    const settings: ClientOptions =
      token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } };
    const socket = new WebSocket(url, protocols, settings);
    const client = new GatewayClient(socket);
    const opened = new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    await within(PATIENCE_MS, `handshake with ${url}`, opened);
    return client;
  }

  publications(topic: string): { offset: number; data: any }[] {
    return this.frames.filter(frame => frame.topic === topic);
  }

  /** Sends a message with an id; gives the frame that answers it. */
  request(event: string, data?: unknown): Promise<any> {
    const id = ++this.#id;
    this.socket.send(JSON.stringify({ event, id, data }));
    return this.next(`answer to ${event}`, frame => frame.id === id);
  }

  async subscribe(topic: string, since?: string): Promise<any> {
    const answer = await this.request('subscribe', { topic, since });
    if (answer.event !== 'subscribed') throw new Error(`subscribe to ${topic}: ${JSON.stringify(answer)}`);
    return answer.data;
  }

  /** The first frame, past or future, that matches. */
  async next(what: string, matches: (frame: any) => boolean): Promise<any> {
    let look = (): void => {};
    const found = new Promise(resolve => {
      look = () => {
        const frame = this.frames.find(matches);
        if (frame !== undefined) resolve(frame);
      };
    });
    this.#looks.add(look);
    look();
    return within(PATIENCE_MS, what, found).finally(() => this.#looks.delete(look));
  }

  async close(): Promise<Closed> {
    this.socket.close();
    return within(PATIENCE_MS, 'close', this.closed);
  }
}
