import { once } from 'node:events';
import { WebSocket } from 'ws';

/** What a healthy client asks for in the handshake. */
export interface Dialect {
  readonly protocols?: readonly string[];
  readonly perMessageDeflate?: boolean;
}

export const DIALECTS: readonly Dialect[] = [
  {},
  { protocols: ['fanout.v1.json'] },
  { perMessageDeflate: true },
  { protocols: ['fanout.v1.json'], perMessageDeflate: true },
];

/** A subscriber who does nothing wrong, and must be given every publication in order as long as it is there. */
export class HealthyClient {
  readonly violations: string[] = [];
  readonly #socket: WebSocket;
  readonly #waiting = new Set<() => void>();
  #next = 0;
  #echoed = 0;
  #leaving = false;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on('message', data => this.#take(JSON.parse(String(data))));
    socket.on('error', error => this.violations.push(`a healthy client failed: ${error.message}`));
    socket.on('close', code => {
      if (!this.#leaving) this.violations.push(`a healthy client was closed with ${code}`);
      this.#look();
    });
  }

  static async connect(
    url: string,
    { protocols = [], perMessageDeflate = false }: Dialect,
  ): Promise<HealthyClient> {
    const socket = new WebSocket(`${url}/ticks`, [...protocols], {
      perMessageDeflate,
      rejectUnauthorized: false,
    });
    const client = new HealthyClient(socket);
    await once(socket, 'open');
    socket.send('{"event":"subscribe","data":{"topic":"feed"}}');
    await client.#until(() => client.#next > 0);
    return client;
  }

  /** Whether it gets this publication, and all before it, in time; and whether it is answered. */
  async check(offset: number, ms: number): Promise<boolean> {
    const wanted = this.#echoed + 1;
    this.#socket.send(JSON.stringify({ event: 'echo', data: wanted }), () => {});
    return this.#until(() => this.#next > offset && this.#echoed === wanted, ms);
  }

  leave(): void {
    this.#leaving = true;
    this.#socket.terminate();
  }

  get ok(): boolean {
    return this.violations.length === 0;
  }

  #take(frame: any): void {
    if (Array.isArray(frame)) for (const part of frame) this.#take(part);
    else if (frame.topic === 'feed') this.#publication(frame.offset, frame.data.count);
    else if (frame.event === 'subscribed') this.#next = Number(frame.data.position.split(':')[1]) + 1;
    else if (frame.event === 'echo') this.#echoed = frame.data;
    else this.violations.push(`a healthy client was sent ${JSON.stringify(frame)}`);
    this.#look();
  }

  #publication(offset: number, count: number): void {
    if (offset !== this.#next || count !== offset)
      this.violations.push(`a healthy client got ${count} at ${offset} instead of ${this.#next}`);
    this.#next = offset + 1;
  }

  #until(holds: () => boolean, ms = 5000): Promise<boolean> {
    return new Promise(resolve => {
      const look = (): void => {
        if (!holds() && this.ok) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(holds());
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        resolve(false);
      }, ms);
      this.#waiting.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}
