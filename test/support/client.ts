import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';

/** Milliseconds after which a frame that does not come fails the test. */
const PATIENCE = 5000;

/** A `ws` client that remembers every frame and waits for those a test asks for. Terminated when the test ends. */
export class Client {
  /** Every frame received, parsed; a batched frame counts as its parts. */
  readonly frames: any[] = [];
  /** Settles when the socket has closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiting = new Set<() => void>();
  #id = 0;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', data => {
      const frame: unknown = JSON.parse(String(data));
      this.frames.push(...(Array.isArray(frame) ? frame : [frame]));
      for (const look of this.#waiting) look();
    });
    this.closed = new Promise(resolve =>
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    );
    socket.on('error', () => {});
    onTestFinished(() => socket.terminate());
  }

  /** Connects; rejects with the error of `ws` when the handshake is refused. */
  static async connect(url: string, protocols: string[] = [], options: ClientOptions = {}): Promise<Client> {
    const socket = new WebSocket(url, protocols, { rejectUnauthorized: false, ...options });
    const client = new Client(socket);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return client;
  }

  /** The publications of one topic, in the order they came. */
  publications(topic: string): { topic: string; offset: number; data: any }[] {
    return this.frames.filter(frame => frame.topic === topic);
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Sends a message with an id and gives the frame that answers it. */
  async request(event: string, data?: unknown): Promise<any> {
    const id = ++this.#id;
    this.send({ event, id, data });
    return this.next(frame => frame.id === id);
  }

  /** Subscribes and gives the answer, whatever it is. */
  subscribe(topic: string, since?: string): Promise<any> {
    return this.request('subscribe', { topic, since });
  }

  /** The first frame, past or future, that matches. Fails the test when none comes in time. */
  async next(matches: (frame: any) => boolean): Promise<any> {
    await this.until(
      () => this.frames.some(matches),
      `frame; got ${JSON.stringify(this.frames).slice(0, 500)}`,
    );
    return this.frames.find(matches);
  }

  /** Waits until a condition over the frames holds. */
  until(holds: () => boolean, what = 'condition'): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`no ${what} within ${PATIENCE} ms`));
      }, PATIENCE);
      this.#waiting.add(look);
      look();
    });
  }

  close(): Promise<{ code: number; reason: string }> {
    this.socket.close();
    return this.closed;
  }
}

/** Polls for what no event announces; fails the test when it does not come about. */
export async function eventually(holds: () => boolean | Promise<boolean>, what = 'condition'): Promise<void> {
  const deadline = Date.now() + PATIENCE;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`${what} did not come about within ${PATIENCE} ms`);
    await new Promise(resolve => setTimeout(resolve, 5));
  }
}
