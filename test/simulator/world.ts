import { HandClock } from '../support/unit/hand-clock.js';
import { Answers } from './answers.js';
import type { Device } from './device.js';
import { FrameReader } from './frame-reader.js';
import { lawOf } from './law.js';
import { Ledger, parsePosition } from './ledger.js';
import { Life } from './life.js';
import { Publisher } from './publisher.js';
import { crowdOf, type Crowd } from './presence-view.js';
import {
  type Network,
  PRESENCE,
  presenceOf,
  type Publish,
  type Scenario,
  type Settings,
  type TopicSpec,
} from './scenario.js';
import { type Connection, Server } from './server.js';
import { answersAtOnce, SteadyLine } from './steady-line.js';
import { Tally } from './tally.js';
import type { Moment } from './virtual-line.js';
import { type SocketWorld, VirtualSocket } from './virtual-socket.js';
import { VirtualWebSocket } from './virtual-web-socket.js';

/** What may be different about a world. */
export interface WorldOptions {
  /** What the server is told, in place of the truth. */
  readonly server?: (scenario: Scenario) => Scenario;
  readonly tally?: Tally | undefined;
  /** Is told what happens. */
  readonly trace?: ((line: () => string) => void) | undefined;
}

/** The server, its clients, and what was published: everything that a scenario acts upon. */
export class World implements SocketWorld {
  readonly clock = new HandClock();
  readonly ledger = new Ledger();
  readonly devices: readonly Device[];
  /** Connections that the server has. */
  readonly lives = new Set<Life>();
  readonly server: Server;
  readonly settings: Settings;
  readonly topics: Readonly<Record<string, TopicSpec>>;
  readonly tally: Tally;
  readonly trace: (line: () => string) => void;
  /** Whether a promise may have been kept for which somebody waits. */
  promised = false;
  /** When the application last asked for a flush; -Infinity when it never did. */
  flushedAt = -Infinity;
  /** Time that the event loop has stood still. */
  stalledMs = 0;
  /** What was found wrong in a place where throwing would only upset the core. */
  found: unknown;
  /** Is told when the server closes a connection. */
  onClosing: (connection: Connection) => void = () => {};
  /** Is told of each new connection. */
  onOpen: (life: Life) => void = () => {};
  readonly #publisher: Publisher;
  #ticks: (() => void)[] = [];

  constructor(scenario: Scenario, { server, tally = new Tally(), trace = () => {} }: WorldOptions = {}) {
    this.settings = scenario.settings;
    this.topics = scenario.topics;
    this.tally = tally;
    this.trace = trace;
    this.server = new Server({
      ...(server === undefined ? scenario : server(scenario)),
      clock: this.clock,
      method: this.#method,
      closing: connection => this.onClosing(connection),
    });
    this.#publisher = new Publisher({
      broadcaster: this.server.delivery.broadcaster,
      ledger: this.ledger,
      settings: this.settings,
      topics: this.topics,
      now: this.clock.now,
      receivers: this.#receivers.bind(this),
    });
    this.devices = scenario.clients.map((spec, index) => ({
      index,
      spec,
      network: spec.network,
      life: undefined,
      memory: new Map(),
      wanted: new Map(),
    }));
  }

  get now(): number {
    return this.clock.time;
  }

  get moment(): Moment {
    return this.ledger.moment(this.now);
  }

  systemCall(): void {
    this.clock.time += this.settings.writeMs;
  }

  nextTick(callback: () => void): void {
    this.#ticks.push(callback);
  }

  /** What Node runs between two callbacks. */
  tick(): void {
    while (this.#ticks.length > 0) for (const callback of this.#ticks.splice(0)) callback();
  }

  /** Presences are topics too. */
  specOf(topic: string): TopicSpec {
    return this.topics[topic] ?? PRESENCE;
  }

  /** Who is subscribed to a topic. */
  crowdOf(topic: string): Crowd {
    const nobodies: null[] = [];
    const users = new Set<string>();
    for (const { connection } of this.lives) {
      if (connection.subscriptions.get(topic)?.answered !== true) continue;
      if (typeof connection.user === 'string') users.add(connection.user);
      else nobodies.push(null);
    }
    return crowdOf([...nobodies, ...users]);
  }

  connect(device: Device): void {
    if (device.life !== undefined) return;
    const socket = new VirtualSocket(this, device.network, device.spec.tls);
    const { setTimeout, clearTimeout } = this.clock;
    const timers = { nextTick: this.nextTick.bind(this), setTimeout, clearTimeout };
    const ws = new VirtualWebSocket('', socket, timers, () => this.#ended(life));
    const connection = this.server.open(socket, ws, device.spec);
    const life: Life = new Life({
      connection,
      socket,
      ws,
      reader: new FrameReader(device.spec.deflate),
      answers: new Answers(device.spec),
      now: this.clock.now,
      memory: device.memory,
      prompt: device.network.kind === 'fast' && !device.spec.tls && answersAtOnce(device.spec, this.settings),
      steady: SteadyLine.of({ ...device.spec, network: device.network }, this.settings),
      lawOf: topic => lawOf(this, topic, life),
      crowdOf: this.crowdOf.bind(this),
      note: what => this.tally.note(what),
      trace: line => this.trace(() => `${this.now} ms: client ${device.index} ${line()}`),
    });
    device.life = life;
    this.lives.add(life);
    this.onOpen(life);
  }

  /** A new connection, with the subscriptions of the one before. */
  reconnect(device: Device, since: boolean): void {
    this.drop(device);
    this.connect(device);
    for (const [topic, maxRate] of device.wanted) this.subscribe(device, topic, since, maxRate);
  }

  subscribe(device: Device, topic: string, since: boolean, maxRate?: number, held = false): void {
    this.connect(device);
    const life = device.life!;
    device.wanted.set(topic, maxRate);
    if (!life.connection.open) return;
    const before = since && !life.streams.has(topic) ? device.memory.get(topic)?.position : undefined;
    const id = life.ask({ event: 'subscribe', topic, since: before, maxRate, moment: this.moment });
    const data = { topic, since: before, maxRate, held };
    life.ws.receive(JSON.stringify({ event: 'subscribe', id, data }));
  }

  unsubscribe(device: Device, topic: string): void {
    device.wanted.delete(topic);
    const life = device.life;
    if (life?.connection.open !== true) return;
    const asked = { since: undefined, maxRate: undefined, moment: this.moment };
    const id = life.ask({ event: 'unsubscribe', topic, ...asked });
    life.ws.receive(JSON.stringify({ event: 'unsubscribe', id, data: { topic } }));
  }

  /** Subscribed by the server. */
  invite({ life }: Device, topic: string): void {
    const waits = life?.connection.full === true;
    if (life?.connection.subscribe(topic))
      life.told.push({ event: 'subscribe', topic, moment: this.moment, waits });
  }

  /** Unsubscribed by the server. */
  revoke({ life }: Device, topic: string): void {
    if (life === undefined) return;
    const { subscriptions } = life.connection;
    // Who may not have a topic may not know who else has it.
    const ended = [topic, presenceOf(topic)].filter(name => subscriptions.has(name));
    if (!life.connection.unsubscribe(topic)) return;
    for (const name of ended) if (!subscriptions.has(name)) life.revoked(name, this.moment);
  }

  setUser({ life }: Device, user: string | null): void {
    if (life?.connection.open) life.connection.user = user;
  }

  reply({ life }: Device, size: number): void {
    if (life?.connection.send('reply', { n: life.replies.length + 1, fill: 'r'.repeat(size) }))
      life.replies.push(size);
  }

  publish(step: Publish): void {
    const { except } = step;
    this.#publisher.publish(
      step,
      except === undefined ? undefined : this.devices[except]?.life?.connection.id,
    );
  }

  /** Methods of topics that take their time return. */
  answer(life: Life | undefined): void {
    this.promised = true;
    for (const answer of life?.held.splice(0) ?? []) answer();
  }

  /** The application asks for a flush that waits for nothing. */
  flush(): void {
    this.promised = true;
    this.flushedAt = this.now;
    this.server.delivery.broadcaster.flush().catch(error => (this.found ??= error));
  }

  /** The server closes the connection in good order. */
  close({ life }: Device): void {
    if (life?.connection.open !== true) return;
    life.finishes = this.moment;
    life.connection.close();
  }

  /** The connection is reset. */
  drop(device: Device): void {
    const { life } = device;
    device.life = undefined;
    life?.ws.ended();
  }

  /** The peer has vanished: the kernel takes bytes as long as it has room, and nobody reads them. */
  vanish(device: Device): void {
    device.life?.vanish();
    device.life = undefined;
  }

  setNetwork(device: Device, network: Network): void {
    device.network = network;
    if (device.life === undefined) return;
    device.life.socket.setNetwork(network);
    device.life.steady = undefined;
    if (network.kind !== 'fast') device.life.prompt = false;
  }

  /** Kernels and peers do what they can by now; a client that reads a close frame answers it. */
  runSockets(): void {
    for (const life of this.lives) {
      life.read();
      if (life.closedWith !== undefined) life.ws.ended();
    }
  }

  /** The most milliseconds that data to a client seemed to take at any moment between the two; undefined when nothing tells. */
  lagOf({ pings }: Life, from: number, to: number): number | undefined {
    const { lag, heartbeat } = this.settings;
    return lag === 0 || heartbeat === undefined ? undefined : pings.longest(from, to);
  }

  #ended(life: Life): void {
    life.trace(() => 'is disconnected');
    this.lives.delete(life);
    for (const device of this.devices) if (device.life === life) device.life = undefined;
    this.server.closed(life.connection);
    life.socket.reportLost();
  }

  #receivers(topic: string, except: string | undefined): number {
    let count = 0;
    for (const { connection } of this.lives) {
      if (connection.subscriptions.get(topic)?.served === true && connection.id !== except) count++;
    }
    return count;
  }

  readonly #method = (connection: Connection, topic: string, held = false): unknown => {
    const { broadcaster } = this.server.delivery;
    const snapshot = (): unknown =>
      this.topics[topic]!.snapshot ? { head: parsePosition(broadcaster.position(topic)).offset } : undefined;
    // Whoever asks may wait for the value, whether there is a need or not.
    this.promised = true;
    if (!held) return snapshot();
    const life = [...this.lives].find(one => one.connection === connection);
    // What a client asked for before it left is still handled.
    if (life === undefined) return snapshot();
    return new Promise(resolve => life.held.push(() => resolve(snapshot())));
  };
}
