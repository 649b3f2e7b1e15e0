import type { ClientSpec } from './scenario.js';

/** A pong on its way. */
interface Pong {
  readonly payload: Buffer;
  /** When the server gets it. */
  readonly at: number;
}

/** How a client answers pings: after it has read them, in order, and in its own way. */
export class Answers {
  readonly #pongs: ClientSpec['pongs'];
  #busy: number;
  #underWay: Pong[] = [];
  /** Pings that were read and are not answered yet. */
  #read: Buffer[] = [];

  constructor({ pongs, busy }: Pick<ClientSpec, 'pongs' | 'busy'>) {
    this.#pongs = pongs;
    this.#busy = busy;
  }

  /** When the next one reaches the server; Infinity when none is on its way. */
  get next(): number {
    return this.#underWay[0]?.at ?? Infinity;
  }

  /** A ping was read. */
  ping(payload: Buffer): void {
    this.#read.push(payload);
  }

  /** Everything that has come is read: sends the answers. @param delay milliseconds on the way */
  send(now: number, delay: number): void {
    const pongs = this.#pongs;
    const pings = this.#read.splice(0);
    const answered = pongs === 'never' ? [] : pongs === 'newest' ? pings.slice(-1) : pings;
    // They keep their order, also when the line becomes faster.
    const at = Math.max(now + this.#busy + delay, this.#underWay.at(-1)?.at ?? 0);
    for (const payload of answered) {
      this.#underWay.push({ payload, at });
      if (pongs === 'twice') this.#underWay.push({ payload, at });
    }
  }

  /** Those that have reached the server. */
  arrived(now: number): Buffer[] {
    const count = this.#underWay.findIndex(({ at }) => at > now);
    return this.#underWay.splice(0, count < 0 ? Infinity : count).map(({ payload }) => payload);
  }

  /** The client has nothing else to do any more. */
  hurry(now: number): void {
    this.#busy = 0;
    this.#underWay = this.#underWay.map(({ payload }) => ({ payload, at: now }));
  }

  /** The client is gone. */
  stop(): void {
    this.#underWay = [];
  }
}
