import type { TopicBroadcaster } from '../../lib/broadcast/topic-broadcaster.js';
import { type Ledger, parsePosition } from './ledger.js';
import { type Publish, type Settings, subjectOf, type TopicSpec } from './scenario.js';
import { demand } from './violation.js';

/** What the publisher needs of the world. */
export interface Newsroom {
  readonly broadcaster: TopicBroadcaster;
  readonly ledger: Ledger;
  readonly settings: Settings;
  readonly topics: Readonly<Record<string, TopicSpec>>;
  now(): number;
  /** Connections that get what is published, but for the one with the id `except`. */
  receivers(topic: string, except: string | undefined): number;
}

/** A publication that must not come twice. */
interface Once {
  readonly at: number;
  readonly receivers: number;
}

/** Time for which an idempotency key is remembered, at least; twice that at most. Milliseconds. */
const REMEMBERED_MS = 300_000;

/** What a payload has beside its filling, at most. Bytes. */
const BESIDE = 100;

/** Publishes, notes each publication in the ledger, and looks at the receipt. */
export class Publisher {
  readonly #room: Newsroom;
  /** The first publications with an idempotency key, by topic and key. */
  readonly #once = new Map<string, Once>();
  #fills = 0;

  constructor(room: Newsroom) {
    this.#room = room;
    // Presence publishes by itself.
    const { broadcaster } = room;
    const publish = broadcaster.publish.bind(broadcaster);
    broadcaster.publish = (topic: string, data: unknown, options) => {
      const before = broadcaster.position(topic);
      const count = publish(topic, data, options);
      if (subjectOf(topic) !== undefined) this.#note(topic, data, before);
      return count;
    };
  }

  /** @param except id of a connection */
  publish({ topic, count, size, keys, ttl, idempotencyKey }: Publish, except: string | undefined): void {
    const length = Math.min(size, this.#room.settings.maxBytes - BESIDE);
    for (let i = 0; i < count; i++)
      this.#publish(topic, `k${i % keys}`, length, { ttl, except, idempotencyKey });
  }

  #publish(
    topic: string,
    key: string,
    length: number,
    options: { ttl: number | undefined; except: string | undefined; idempotencyKey: string | undefined },
  ): void {
    const { broadcaster, ledger, topics } = this.#room;
    const { ttl, except, idempotencyKey } = options;
    // Each has a letter of its own, so that foreign bytes show.
    const fill = String.fromCharCode(97 + (this.#fills++ % 26)).repeat(length);
    const data = { seq: ledger.seq + 1, key, fill };
    const before = broadcaster.position(topic);
    const receivers = this.#room.receivers(topic, except);
    const count = broadcaster.publish(topic, data, options);
    const position = broadcaster.position(topic);
    const { epoch, offset } = parsePosition(position);
    const appended = position !== before;
    if (idempotencyKey !== undefined) {
      const first = this.#repeated(`${topic} ${idempotencyKey}`, appended, receivers);
      if (first !== undefined) {
        const same = count === first.receivers;
        demand(same, 'receipt', () => `${topic}: ${count} receivers, there were ${first.receivers}`);
        return;
      }
    }
    demand(count === receivers, 'receipt', () => `${topic}: ${count} receivers, there are ${receivers}`);
    const heard = receivers > 0 || topics[topic]!.history.size > 0;
    demand(appended || !heard, 'loss', () => `${topic}: a publication has no place in the log`);
    if (!appended) return;
    // The core counts whole milliseconds.
    const at = Math.floor(this.#room.now());
    const bytes = Buffer.byteLength(JSON.stringify(data));
    const expires = ttl === undefined ? Infinity : at + ttl;
    ledger.append(topic, epoch, { offset, seq: data.seq, at, expires, bytes, key, fill, except });
  }

  /** A publication that is not ours. */
  #note(topic: string, data: unknown, before: string): void {
    const { broadcaster, ledger } = this.#room;
    const position = broadcaster.position(topic);
    if (position === before) return;
    const { epoch, offset } = parsePosition(position);
    const json = JSON.stringify(data);
    const at = Math.floor(this.#room.now());
    const bytes = Buffer.byteLength(json);
    const nothing = { key: '', fill: '', except: undefined, expires: Infinity };
    ledger.append(topic, epoch, { ...nothing, offset, seq: ledger.seq + 1, at, bytes, json });
  }

  /** The first publication with the key, where this one rightly was none; notes a first one. */
  #repeated(name: string, appended: boolean, receivers: number): Once | undefined {
    const first = this.#once.get(name);
    const now = this.#room.now();
    const age = now - (first?.at ?? -Infinity);
    if (!appended && age < REMEMBERED_MS * 2) return first;
    demand(age >= REMEMBERED_MS, 'idempotency', () => `${name} is published a second time`);
    this.#once.set(name, { at: now, receivers });
    return undefined;
  }
}
