import type { IncomingMessage } from 'node:http';
import { WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  type Connection,
  Connections,
  type FanoutOptions,
  Topic,
  type TopicOptions,
} from 'nestjs-fanout';
import { startApp } from './app.js';
import { Client } from './client.js';
import { Roster } from './roster.js';

/** Milliseconds: as short as may be, where a test does not depend on what falls into it. */
export const DEBOUNCE = 20;

/** Who connects says who it is. */
@WebSocketGateway({ path: '/rooms' })
export class UserGateway {
  constructor(private readonly connections: Connections) {}

  handleConnection(socket: Connection['socket'], { headers }: IncomingMessage): void {
    const user = headers['x-user'];
    if (user !== undefined) this.connections.of(socket)!.user = JSON.parse(String(user));
  }
}

/** A gateway with one topic, `room`. */
export function roomWith(presence: TopicOptions['presence']): new () => object {
  @WebSocketGateway({ path: '/rooms' })
  class Room {
    @Topic('room', { presence })
    room(): void {}
  }
  return Room;
}

/** Connects as a user; as nobody without one. */
export type Connect = (user?: unknown) => Promise<Client>;

export async function startRooms(gateways: (new (...args: any[]) => object)[], options: FanoutOptions = {}) {
  const running = await startApp({ providers: [UserGateway, ...gateways], options });
  const connect: Connect = user => {
    const headers: Record<string, string> = user === undefined ? {} : { 'x-user': JSON.stringify(user) };
    return Client.connect(`${running.url}/rooms`, [], { headers });
  };
  return {
    app: running.app,
    get: running.get,
    connect,
    /** Connects and subscribes to the room. */
    join: async (user?: unknown, topic = 'room'): Promise<Client> => {
      const client = await connect(user);
      await client.subscribe(topic);
      return client;
    },
    broadcaster: running.get(Broadcaster),
    connections: running.get(Connections),
  };
}

/** A client that has subscribed to a presence and follows it. */
export class Watcher {
  private constructor(
    readonly client: Client,
    readonly topic: string,
    /** The answer to its subscribe. */
    readonly answer: any,
  ) {}

  static async of(client: Client, topic = 'room'): Promise<Watcher> {
    const name = `${topic}~presence`;
    return new Watcher(client, name, await client.subscribe(name));
  }

  /** What was published since, in order. Throws when an offset is missing or comes twice. */
  get changes(): any[] {
    const from = Number(/\d+$/.exec(this.answer.data.position)![0]);
    const frames = this.client.frames.slice(this.client.frames.indexOf(this.answer));
    const publications = frames.filter(({ topic }) => topic === this.topic);
    return publications.map(({ offset, data }, i) => {
      if (offset !== from + i + 1) throw new Error(`offset ${offset} in place of ${from + i + 1}`);
      return data;
    });
  }

  /** Who is there, as far as it knows. */
  get seen(): string[] | number {
    const roster = new Roster(this.answer.data.snapshot);
    for (const change of this.changes) roster.take(change);
    return roster.seen;
  }

  /** Waits until it sees these, with no info. */
  sees(...users: unknown[]): Promise<void> {
    const expected = JSON.stringify(users.map(user => JSON.stringify({ user })).sort());
    return this.client.until(() => JSON.stringify(this.seen) === expected, `sight of ${expected}`);
  }
}
