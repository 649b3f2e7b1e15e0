import { expect } from 'vitest';
import type { TopicOptions } from '../../../lib/options/topic-options.js';
import type { Subscription } from '../../../lib/topic/subscription.js';
import { Core, type CoreOptions, type Peer } from './core.js';
import { payloadOf } from './topics.js';

// Clients of the core that are behind, or come back.

/** What a socket is given at most that has not taken all it was given before. */
export const IN_FLIGHT = 64 * 1024;

export interface Reader extends Peer {
  readonly of: (topic: string) => Subscription;
}

export function rig(topicOptions: TopicOptions = {}, options: CoreOptions = {}): Core {
  return new Core({ optionsOf: () => topicOptions, ...options });
}

export function connect(core: Core, ...topics: string[]): Reader {
  const peer = core.connect();
  for (const topic of topics) peer.connection.subscribe(topic);
  core.clock.settle();
  return { ...peer, of: topic => peer.connection.subscriptions.get(topic)! };
}

/** A subscription as the gateway has it when a client comes back with a position; it is still to be answered. */
export function returning(core: Core, peer: Peer, topic: string, cursor: number): Subscription {
  const subscription = core.topics.hold(peer.connection, topic);
  subscription.rewind(cursor);
  return subscription;
}

/** Publications of so many bytes, each in a flush of its own. */
export function publish(core: Core, topic: string, count: number, bytes = 4000): void {
  for (let i = 0; i < count; i++) {
    core.broadcaster.publish(topic, payloadOf(bytes));
    turn(core);
  }
}

/** Flushes, and lets no time pass. */
export function turn(core: Core): void {
  void core.scheduler.flush();
  core.clock.turn();
}

/** The peer reads everything there is, piece by piece; each time what is in flight is looked at. */
export function drain(core: Core, { socket }: Peer): number {
  let pieces = 0;
  for (; socket.writableLength > 0; pieces++) {
    expect(socket.writableLength).toBeLessThanOrEqual(IN_FLIGHT);
    expect(pieces).toBeLessThan(10_000);
    const { writableLength } = socket;
    socket.drain(writableLength);
    core.clock.turn();
  }
  return pieces;
}

/** What a client has of a topic: offsets, and gaps. Throws when something is missing of which it was not told. */
export function seen({ socket }: Peer, topic = 't', last = 0): unknown[] {
  const list: unknown[] = [];
  for (const frame of socket.frames as any[]) {
    if (frame.event === 'gap' && frame.data.topic === topic) {
      const { from, to, reason } = frame.data;
      expect(from).toBe(last + 1);
      expect(to).toBeGreaterThanOrEqual(from);
      list.push([from, (last = to), reason]);
    } else if (frame.topic === topic) {
      expect(frame.offset).toBe(last + 1);
      list.push((last = frame.offset));
    }
  }
  return list;
}

export const upTo = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);
