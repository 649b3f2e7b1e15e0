import { beforeEach, describe, expect, it } from 'vitest';
import { Core, type Peer } from '../../support/unit/core.js';

const TOPICS = ['a', 'b', 'c'];

let core: Core;

beforeEach(() => {
  core = new Core();
});

/** Connects a client to topics, and drops what it got so far. */
function client(topics: readonly string[] = TOPICS): Peer {
  const peer = core.connect();
  for (const topic of topics) core.activate(core.topics.hold(peer.connection, topic));
  core.clock.turn();
  return peer;
}

/** Notes the buffers of each write to a client's socket. */
function writesOf({ socket }: Peer): Uint8Array[] {
  const writes: Uint8Array[] = [];
  const write = socket.write.bind(socket);
  socket.write = (data, done) => {
    if (data.length > 0) writes.push(data);
    return write(data, done);
  };
  return writes;
}

function publish(text = 'x'): void {
  for (const topic of TOPICS) core.broadcaster.publish(topic, text);
  core.clock.turn();
}

const topicsOf = ({ socket }: Peer): string[] => socket.frames.map(({ topic }) => topic as string);

describe('Outbox and several batches of one flush', () => {
  it('writes one buffer, which connections with the same topics share', () => {
    const peers = [client(), client(), client()];
    const writes = peers.map(writesOf);
    const { taken } = core.pool.stats();
    publish();
    expect(writes.map(({ length }) => length)).toEqual([1, 1, 1]);
    expect(new Set(writes.map(([buffer]) => buffer)).size).toBe(1);
    expect(peers.map(topicsOf)).toEqual([TOPICS, TOPICS, TOPICS]);
    // A slab for the three batches, and one for the joined buffer.
    expect(core.pool.stats()).toMatchObject({ taken: taken + 2, inUse: 0 });
    expect(core.counters.deliveries).toBe(9);
  });

  it('gives each connection its own topics, in the order of the flush', () => {
    const peers = [client(['a', 'b']), client(['b', 'c']), client(['a', 'c'])];
    publish();
    expect(peers.map(topicsOf)).toEqual([
      ['a', 'b'],
      ['b', 'c'],
      ['a', 'c'],
    ]);
    expect(core.pool.stats().inUse).toBe(0);
  });

  it('keeps the shared buffer for a socket that does not take it, and for no longer', () => {
    const [fast, slow] = [client(), client()];
    slow.socket.stalled = true;
    publish();
    publish('later');
    expect(topicsOf(fast)).toEqual([...TOPICS, ...TOPICS]);
    expect(core.pool.stats().inUse).toBeGreaterThan(0);
    slow.socket.stalled = false;
    slow.socket.drain();
    core.clock.settle();
    expect(topicsOf(slow)).toEqual([...TOPICS, ...TOPICS]);
    expect(slow.socket.frames.map(({ data }) => data as string)).toEqual([
      ...TOPICS.map(() => 'x'),
      ...TOPICS.map(() => 'later'),
    ]);
    expect(core.pool.stats().inUse).toBe(0);
  });

  it('releases everything of a connection that ends amid the flush', () => {
    const peer = client();
    peer.socket.throwsAfter = 0;
    publish();
    core.disconnect(peer);
    expect(peer.ws.terminations).toBe(1);
    expect(core.pool.stats().inUse).toBe(0);
  });

  it('looks at the socket again when answers have gathered before the flush', () => {
    const peer = client();
    peer.socket.stalled = true;
    peer.socket.write(Buffer.alloc(100_000));
    peer.connection.tell('{"event":"answer"}');
    publish();
    const { subscriptions } = peer.connection;
    expect([...subscriptions.values()].map(({ state }) => state)).toEqual(['behind', 'behind', 'behind']);
  });
});
