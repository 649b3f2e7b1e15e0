import { describe, expect, it } from 'vitest';
import { FirstGrants } from '../../../lib/connection/first-grants.js';
import { Outbox } from '../../../lib/connection/outbox.js';
import type { WriteSide } from '../../../lib/connection/transport.js';
import { webSocketKind } from '../../../lib/connection/web-socket-kind.js';
import { Batch } from '../../../lib/wire/batch.js';
import { textFrame, tokenOf } from '../../../lib/wire/frame.js';
import { Counters } from '../../../lib/observe/counters.js';
import { FakeWebSocket } from '../../support/unit/fake-socket.js';
import { parseFrames } from '../../support/unit/frames.js';
import { HandClock } from '../../support/unit/hand-clock.js';

const KIB = 1024;
const TARGET = 2500;
const STEP_MS = 10;
const PING = 9;

/** A client that reads at a rate, in bytes a millisecond, and answers pings over a way that takes a time there and back. */
class FarClient {
  readonly clock = new HandClock();
  pings = 0;
  bytes = 0;
  /** Longest time that the client needed for what was under way. Milliseconds. */
  mostMs = 0;
  readonly #outbox: Outbox;
  /** When the client has read everything. */
  #freeAt = 0;

  constructor(
    readonly rate: number,
    readonly trip: number,
  ) {
    this.#outbox = new Outbox(new FakeWebSocket(), this.#socket(), {
      maxUnsentBytes: 1024 * KIB,
      flightTime: TARGET,
      firstGrant: () => new FirstGrants(TARGET).next(),
      clock: this.clock,
      counters: new Counters(),
      kind: webSocketKind,
      tooSlow: () => expect.unreachable('too slow'),
      evict: () => expect.unreachable('evicted'),
      broken: () => expect.unreachable('broken'),
      drained: () => {},
      pinned: () => {},
    });
  }

  /** Returns whether there was room. */
  send(bytes: number): boolean {
    const batch = new Batch([textFrame('x'.repeat(bytes))]);
    const isTaken = this.#outbox.send(batch);
    batch.release();
    if (!isTaken) this.#outbox.awaitDrain();
    return isTaken;
  }

  /** Sends so many bytes at each step. Returns how often there was no room. */
  stream(bytes: number, steps: number, each: (ms: number) => void = () => {}): number {
    let refused = 0;
    for (let i = 0; i < steps; i++) {
      if (!this.send(bytes)) refused++;
      each(i * STEP_MS);
      this.clock.advance(STEP_MS);
    }
    return refused;
  }

  /** A pong that no ping has asked for. */
  lie(): void {
    expect(this.#outbox.acknowledge(1)).toBe(false);
  }

  #socket(): WriteSide {
    return {
      writableLength: 0,
      bytesRead: 0,
      write: (data, done) => {
        this.#read(Buffer.from(data));
        done?.();
        return true;
      },
      end: () => {},
      cork: () => {},
      uncork: () => {},
    };
  }

  #read(data: Buffer): void {
    this.bytes += data.length;
    const now = this.clock.now();
    this.#freeAt = Math.max(this.#freeAt, now) + data.length / this.rate;
    this.mostMs = Math.max(this.mostMs, this.#freeAt - now);
    for (const { opcode, payload } of parseFrames(data)) {
      if (opcode !== PING) continue;
      this.pings++;
      const answer = (): unknown => this.#outbox.acknowledge(tokenOf(payload)!);
      this.clock.setTimeout(answer, this.#freeAt + this.trip - now);
    }
  }
}

describe('a client that keeps up with a steady load', () => {
  const LOADS = [2, 40, 100, 200, 500].flatMap(trip =>
    [5, 20, 50, 100, 400].map(rate => [rate, trip] as const),
  );

  it.each(LOADS)('waits for no answer: %i kB a second, %i ms there and back', (rate, trip) => {
    const client = new FarClient(12_500, trip);
    client.stream(rate * STEP_MS, 1000);
    expect(client.stream(rate * STEP_MS, 5000)).toBe(0);
  });

  it.each(LOADS.filter(([, trip]) => trip <= 200))(
    'is pinged for 256 KiB or more: %i kB a second, %i ms there and back',
    (rate, trip) => {
      const client = new FarClient(12_500, trip);
      client.stream(rate * STEP_MS, 1000);
      const { pings, bytes } = client;
      client.stream(rate * STEP_MS, 10_000);
      expect(client.pings - pings).toBeLessThanOrEqual(1 + (client.bytes - bytes) / (256 * KIB));
    },
  );
});

describe('a client on a slow line that sends pongs nobody has asked for', () => {
  const LIARS = [12.5, 50].flatMap(rate =>
    [40, 200].flatMap(trip => [100, 200, 500].map(every => [rate, trip, every] as const)),
  );

  it.each(LIARS)(
    'has no more under way: %d bytes a ms, %i ms there and back, each %i ms',
    (rate, trip, every) => {
      const client = new FarClient(rate, trip);
      const lie = (ms: number): void => {
        if (ms % every === 0) client.lie();
      };
      client.stream(8 * rate, 6000, lie);
      client.stream(20_000, 300, lie);
      expect(client.mostMs).toBeLessThan(2 * TARGET);
    },
  );
});
