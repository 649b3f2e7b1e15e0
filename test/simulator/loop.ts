import type { World } from './world.js';

/** Turns of the event loop, in one moment, after which something must be going round in circles. */
const MOST_TURNS = 10_000;

/** Hops of promises behind one answer; more do no harm. */
const HOPS = 12;

/** Parts that a pause is cut into while sockets are busy: how exactly slow peers read. */
const PARTS = 8;

/** The event loop of a world: its time stands still until a step lets it pass. */
export class Loop {
  readonly #world: World;
  /** Called when nothing is left to do at a time: the moment to look for what may not be. */
  readonly #observe: () => void;

  constructor(world: World, observe: () => void) {
    this.#world = world;
    this.#observe = observe;
  }

  /** One turn: what sockets have to say, then what was put off to the end of the turn. */
  async turn(): Promise<void> {
    this.#turn();
    await this.between();
  }

  /** What Node runs between two callbacks: what was put off to their end, and promises that are kept. */
  async between(): Promise<void> {
    this.#world.tick();
    if (!this.#world.promised) return;
    this.#world.promised = false;
    for (let i = 0; i < HOPS; i++) await undefined;
    this.#world.tick();
  }

  /** Turns until nothing is put off any more. */
  async settle(): Promise<void> {
    await this.turn();
    for (let i = 0; this.#isOn(); i++) {
      if (i === MOST_TURNS) throw new Error('the event loop never comes to rest');
      await this.turn();
    }
    this.#observe();
  }

  /** Lets time pass. Timers run at their time, and sockets move all the while. */
  async advance(ms: number): Promise<void> {
    const { clock } = this.#world;
    const until = clock.time + ms;
    const part = Math.max(1, ms / PARTS);
    await this.settle();
    while (clock.time < until) {
      const read = Math.max(1, this.#nextRead() - clock.time);
      const next = Math.min(
        until - clock.time,
        clock.nextIn ?? Infinity,
        this.#busy() ? part : Infinity,
        read,
      );
      clock.advance(Math.max(0, Math.ceil(next)));
      await this.settle();
    }
  }

  /** Time passes and nothing runs. */
  async stall(ms: number): Promise<void> {
    this.#world.stalledMs += ms;
    this.#world.clock.stall(ms);
    await this.settle();
  }

  #turn(): void {
    this.#world.tick();
    this.#world.runSockets();
    this.#world.tick();
    this.#world.clock.turn();
    this.#world.tick();
  }

  /** Whether something happens in the next turn. */
  #isOn(): boolean {
    const { clock } = this.#world;
    return clock.immediates > 0 || this.#nextRead() <= clock.time;
  }

  /** When a client reads or answers next, as far as that is known. */
  #nextRead(): number {
    let next = Infinity;
    for (const life of this.#world.lives) next = Math.min(next, life.next);
    return next;
  }

  #busy(): boolean {
    for (const { socket } of this.#world.lives) if (socket.busy) return true;
    return false;
  }
}
