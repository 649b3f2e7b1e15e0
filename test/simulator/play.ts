import { Loop } from './loop.js';
import { crowdOf, shown } from './presence-view.js';
import type { Scenario, Step } from './scenario.js';
import { demand, Violation } from './violation.js';
import { Watch } from './watch.js';
import { World, type WorldOptions } from './world.js';

/**
 * Changes the core of a world before anything happens: how the oracle is shown something to find. What it returns makes good
 * what the next world would find changed.
 */
export type Tamper = (world: World) => void | (() => void);

/** Longest time in which everything must have come to rest once all peers read: windows, rates, timers. Milliseconds. */
const REST_MS = 5000;

/** Longest time after which a client that answers no ping is served as if there were none. Milliseconds. */
const UNANSWERED_MS = 20_000;

/** Longest time that a subscribe waits for something else than its method: presence gathers its changes. Milliseconds. */
const LONGEST_WAIT_MS = 1000;

/** Rounds without anything to answer after which nothing is to come: as many subscribes may wait behind each other. */
const QUIET_ROUNDS = 5;

/** Time after which a topic without subscribers is forgotten, with a good margin. Milliseconds. */
const FORGOTTEN_MS = 900_000;

/** How a scenario is played. */
export interface PlayOptions extends WorldOptions {
  readonly tamper?: Tamper;
}

/** Plays a scenario and lets everything come to rest. Returns what is wrong with it, if anything is. */
export async function play(scenario: Scenario, options: PlayOptions = {}): Promise<Violation | undefined> {
  let undo: void | (() => void) = undefined;
  try {
    const world = new World(scenario, options);
    undo = options.tamper?.(world);
    const player = new Player(world);
    for (const step of scenario.steps) await player.act(step);
    await player.finish();
    return undefined;
  } catch (error) {
    return error instanceof Violation
      ? error
      : new Violation('crash', (error as Error).stack ?? String(error));
  } finally {
    undo?.();
  }
}

class Player {
  readonly #world: World;
  readonly #loop: Loop;

  constructor(world: World) {
    this.#world = world;
    const watch = new Watch(world);
    this.#loop = new Loop(world, () => {
      if (world.found !== undefined) throw world.found;
      watch.settled();
    });
  }

  async act(step: Step): Promise<void> {
    this.#world.trace(() => `${this.#world.now} ms: ${JSON.stringify(step)}`);
    await this.#act(step);
    await this.#loop.between();
  }

  /** Everybody reads again; then each client must have what it was owed, and when all have left, nothing may be left. */
  async finish(): Promise<void> {
    const world = this.#world;
    const { lives, devices, settings } = world;
    await this.#answerAll();
    await this.#loop.advance(settings.grace * 2);
    for (const { life } of devices) life?.hurry();
    for (const life of lives) if (!devices.some(device => device.life === life)) life.ws.ended();
    await this.#loop.settle();
    // A method may be asked again when the client has read what came before.
    if ([...lives].some(({ held }) => held.length > 0)) await this.#answerAll();
    await this.#loop.advance(REST_MS + (settings.lag > 0 ? UNANSWERED_MS : 0));
    for (const { life } of devices) if (life?.connection.open) life.complete();
    this.#assertQuiet();
    this.#assertPresence();
    for (const device of devices) this.#world.drop(device);
    await this.#loop.advance(FORGOTTEN_MS);
    this.#assertNothing();
  }

  /** A method that returns may let the next one begin, at once or a while later. */
  async #answerAll(): Promise<void> {
    const world = this.#world;
    for (let quiet = 0; quiet < QUIET_ROUNDS; quiet++) {
      for (const life of world.lives) {
        if (life.held.length > 0) quiet = -1;
        world.answer(life);
      }
      await this.#loop.advance(LONGEST_WAIT_MS);
    }
  }

  #act(step: Step): void | Promise<void> {
    const world = this.#world;
    const device = 'client' in step ? world.devices[step.client]! : world.devices[0]!;
    switch (step.do) {
      case 'publish':
        return world.publish(step);
      case 'subscribe':
        return world.subscribe(device, step.topic, step.since === true, step.maxRate, step.held);
      case 'answer':
        return world.answer(device.life);
      case 'unsubscribe':
        return world.unsubscribe(device, step.topic);
      case 'invite':
        return world.invite(device, step.topic);
      case 'revoke':
        return world.revoke(device, step.topic);
      case 'reply':
        return world.reply(device, step.size);
      case 'ping':
        return device.life?.connection.ping();
      case 'user':
        return world.setUser(device, step.user);
      case 'network':
        return world.setNetwork(device, step.network);
      case 'drop':
        return world.drop(device);
      case 'vanish':
        return world.vanish(device);
      case 'close':
        return world.close(device);
      case 'break':
        if (device.life !== undefined) device.life.socket.broken = true;
        return undefined;
      case 'reconnect':
        return world.reconnect(device, step.since);
      case 'return':
        for (const each of world.devices) world.drop(each);
        for (const each of world.devices) world.reconnect(each, step.since);
        return undefined;
      case 'turn':
        return this.#loop.turn();
      case 'advance':
        return this.#loop.advance(step.ms);
      case 'stall':
        return this.#loop.stall(step.ms);
      case 'flush':
        return world.flush();
    }
  }

  /** Nobody is slow any more: nothing is kept for anybody. */
  #assertQuiet(): void {
    const { pool, delivery } = this.#world.server;
    const pressure = Object.keys(this.#world.topics).map(name => delivery.broadcaster.pressure(name));
    this.#assertZero({
      buffers: pool.stats().inUse,
      backlog: delivery.backlog.used,
      laggards: delivery.laggards.size,
      slow: Math.max(...pressure.map(({ slow }) => slow)),
      queuedBytes: Math.max(...pressure.map(({ queuedBytes }) => queuedBytes)),
      oldestMs: Math.max(...pressure.map(({ oldestMs }) => oldestMs)),
    });
  }

  #assertPresence(): void {
    for (const [topic, { presence }] of Object.entries(this.#world.topics)) {
      if (presence === undefined) continue;
      const members = this.#world.server.delivery.broadcaster.presence(topic);
      const told = shown(crowdOf(members.map(({ user }) => user as string | null)));
      const truth = shown(this.#world.crowdOf(topic));
      demand(
        told === truth,
        'presence',
        () => `${topic}: ${truth} are there, the application is told of ${told}`,
      );
    }
  }

  #assertNothing(): void {
    const { delivery, connections, pool } = this.#world.server;
    this.#assertZero({
      topics: delivery.topics.size,
      crowds: delivery.presence.size,
      connections: connections.size,
      buffers: pool.stats().inUse,
      backlog: delivery.backlog.used,
      history: delivery.history.used,
      timers: this.#world.clock.timers,
    });
  }

  #assertZero(left: Readonly<Record<string, number>>): void {
    const nothing = Object.values(left).every(count => count === 0);
    demand(nothing, 'rest', () => `left behind: ${JSON.stringify(left)}`);
  }
}
