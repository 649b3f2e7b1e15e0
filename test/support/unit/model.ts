import { expect } from 'vitest';
import { Core, type Peer } from './core.js';
import type { WireFormat } from '../../../lib/wire/wire-format.js';
import { deflatedPublicationsIn, publicationsIn } from './frames.js';

/** What one subscription is owed, from its beginning to its end. */
interface Period {
  /** Sequence numbers of the publications since it began, as the model knows them. */
  readonly owed: Owed[];
  /** How many of `owed` a whole flush has certainly handed over. */
  sure: number;
  open: boolean;
}

interface Owed {
  readonly seq: number;
  readonly offset: number;
  readonly fill: string;
}

/** A client as the model sees it. */
interface Client extends Peer {
  readonly periods: Map<string, Period[]>;
  gone: boolean;
}

/**
 * The core beside a model of it that is too simple to be wrong: a publication goes to every period that is open on its
 * topic. Payloads carry a sequence number and are filled with it, so that foreign bytes show.
 */
export class Model {
  readonly core: Core;
  readonly clients: Client[] = [];
  readonly topics: readonly string[];
  #seq = 0;
  #bytes = 0;

  constructor(core: Core, topics: readonly string[]) {
    this.core = core;
    this.topics = topics;
  }

  connect(format: WireFormat, msPerWrite: number): void {
    const peer = this.core.connect('', format);
    peer.socket.onCall = () => (this.core.clock.time += msPerWrite);
    this.clients.push({ ...peer, periods: new Map(), gone: false });
  }

  /** Subscribes; `live` false leaves the subscription held, as while a handler makes a snapshot. */
  subscribe(client: Client, topic: string, live: boolean): void {
    if (client.gone || !client.connection.open) return;
    const fresh = !client.connection.subscriptions.has(topic);
    const subscription = this.core.topics.hold(client.connection, topic);
    if (fresh) {
      const periods = client.periods.get(topic) ?? [];
      periods.push({ owed: [], sure: 0, open: true });
      client.periods.set(topic, periods);
    }
    if (live) this.core.activate(subscription);
  }

  activateAll(client: Client): void {
    for (const subscription of client.connection.subscriptions.values()) this.core.activate(subscription);
  }

  unsubscribe(client: Client, topic: string): void {
    client.connection.unsubscribe(topic);
    this.#close(client, topic);
  }

  publish(topic: string, size: number, except: Client | undefined): void {
    // Beyond a mebibyte, a held subscription is owed a gap and not its publications.
    if ((this.#bytes += size + 100) > 1_000_000) return;
    const seq = ++this.#seq;
    const receivers = this.clients.filter(client => this.#isOpen(client, topic) && client !== except);
    const live = receivers.filter(({ connection }) => connection.subscriptions.get(topic)!.served);
    const fill = String.fromCharCode(97 + (seq % 26)).repeat(size);
    const options = except && { except: except.connection };
    expect(this.core.broadcaster.publish(topic, { seq, fill }, options)).toBe(live.length);
    const offset = Number(/\d+$/.exec(this.core.broadcaster.position(topic))![0]);
    for (const { periods } of receivers) periods.get(topic)!.at(-1)!.owed.push({ seq, offset, fill });
  }

  /** The socket has closed, or is made to. */
  disconnect(client: Client): void {
    if (client.gone) return;
    client.gone = true;
    this.core.disconnect(client);
    for (const topic of this.topics) this.#close(client, topic);
  }

  turn(): void {
    this.core.clock.turn();
    this.#reap();
  }

  advance(ms: number): void {
    this.core.clock.advance(ms);
    this.#reap();
  }

  /** Turns until nothing is pending: what is owed now has been handed to the sockets. */
  flush(): void {
    // The first round may only end the flush that is under way.
    for (let round = 0; round < 2; round++) {
      void this.core.scheduler.flush();
      this.#reap();
      for (let i = 0; this.core.clock.immediates > 0; i++) {
        expect(i).toBeLessThan(1000);
        this.turn();
      }
    }
    for (const client of this.clients) {
      for (const [topic, periods] of client.periods) {
        const last = periods.at(-1)!;
        // Who is behind has it when its socket drains.
        if (last.open && client.connection.subscriptions.get(topic)?.live) last.sure = last.owed.length;
      }
    }
  }

  /** Everything comes to rest, then what each client got is held against what it was owed. */
  finish(): void {
    for (const client of this.clients) {
      this.activateAll(client);
      client.socket.stalled = false;
      client.socket.drain();
    }
    this.flush();
    for (const client of this.clients) this.#check(client);
    expect(this.core.pool.stats().inUse).toBe(0);
    for (const client of this.clients) this.disconnect(client);
    this.core.clock.settle();
    expect(this.core.topics.size).toBe(0);
    expect(this.core.connections.size).toBe(0);
    expect(this.core.pool.stats().inUse).toBe(0);
  }

  /** Connections that were closed as slow end. */
  #reap(): void {
    for (const client of this.clients) if (!client.connection.open) this.disconnect(client);
  }

  #isOpen(client: Client, topic: string): boolean {
    return client.periods.get(topic)?.at(-1)?.open === true;
  }

  #close(client: Client, topic: string): void {
    const last = client.periods.get(topic)?.at(-1);
    if (last !== undefined) last.open = false;
  }

  #check(client: Client): void {
    const read = client.connection.format.deflates ? deflatedPublicationsIn : publicationsIn;
    const received = read(wholeFrames(client));
    for (const topic of this.topics) {
      const got = received
        .filter(publication => publication.topic === topic)
        .map(({ offset, data: { seq, fill } }): Owed => ({ seq, offset, fill }));
      let at = 0;
      for (const { owed, sure, open } of client.periods.get(topic) ?? []) {
        let seen = 0;
        while (seen < owed.length && got[at + seen]?.seq === owed[seen]!.seq) seen++;
        for (let i = 0; i < seen; i++) expect(got[at + i]).toEqual(owed[i]);
        if (!client.gone) expect(seen).toBeGreaterThanOrEqual(open ? owed.length : sure);
        at += seen;
      }
      // Anything left was not owed: a stranger's, a second time, or out of order.
      expect(got.slice(at)).toEqual([]);
    }
  }
}

/** A connection that died got any number of bytes; what came of its last frame is left out. */
function wholeFrames({ socket, gone }: Client): Buffer {
  const bytes = socket.taken;
  if (!gone) return bytes;
  let end = 0;
  while (end + 10 <= bytes.length) {
    const length = bytes[end + 1]!;
    const size =
      length < 126
        ? 2 + length
        : length === 126
          ? 4 + bytes.readUInt16BE(end + 2)
          : 10 + Number(bytes.readBigUInt64BE(end + 2));
    if (end + size > bytes.length) break;
    end += size;
  }
  return bytes.subarray(0, end);
}
