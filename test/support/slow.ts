import type { Broadcaster } from 'nestjs-fanout';
import { RawClient } from './raw-client.js';

export const KIB = 1024;

/** Lets the event loop turn. */
export const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

/** What the kernel takes for a socket that nobody reads is less than this, in publications of 32 KiB. */
const MOST_PUBLICATIONS = 1000;

/**
 * Publishes `{ n, text }` on one topic, `n` counting from 1 as the offsets do. Each has 32 KiB of text: the kernel takes
 * megabytes for a socket that nobody reads, before its server sees anything of it.
 */
export class Flood {
  readonly #broadcaster: Broadcaster;
  readonly #topic: string;
  readonly #more: object;
  /** How many there were. */
  count = 0;

  /** @param more what else each has */
  constructor(broadcaster: Broadcaster, topic: string, more: object = {}) {
    this.#broadcaster = broadcaster;
    this.#topic = topic;
    this.#more = more;
  }

  /** A turn of the loop after each, so that the server can flush. */
  async publish(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      this.#broadcaster.publish(this.#topic, { n: ++this.count, ...this.#more, text: 'x'.repeat(32 * KIB) });
      await turn();
    }
  }

  /** Goes on until so many subscribers are behind. */
  async untilSlow(slow: number = 1): Promise<void> {
    while (this.#broadcaster.pressure(this.#topic).slow < slow) {
      if (this.count === MOST_PUBLICATIONS)
        throw new Error(`nobody was slow after ${this.count} publications`);
      await this.publish(1);
    }
  }
}

/** A client that has subscribed and then stopped reading. */
export async function paused(url: string, topics: readonly string[], protocol?: string): Promise<RawClient> {
  const client = await RawClient.connect(url, protocol);
  for (const topic of topics) await client.subscribe(topic);
  client.socket.pause();
  return client;
}

/** Reads on until the publication with this `n` has come, which has to be one of the last. */
export async function readOn(client: RawClient, n: number): Promise<any[]> {
  client.socket.resume();
  await client.until(() => client.frames.slice(-4).some(({ payload }) => payload.includes(`"n":${n},`)));
  return client.messages;
}
