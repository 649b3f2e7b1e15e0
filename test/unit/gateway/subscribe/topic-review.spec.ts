import { beforeEach, describe, expect, it } from 'vitest';
import { GuardRefusal } from '../../../../lib/gateway/nest/guard-refusal.js';
import { TopicReview } from '../../../../lib/gateway/subscribe/topic-review.js';
import { GatewayClient, settled } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;
let refuse: Set<string>;

beforeEach(() => {
  client = new GatewayClient(['a', 'b', 'room'], {
    optionsOf: name => (name === 'room' ? { presence: { debounce: 10 } } : {}),
  });
  refuse = new Set();
  client.method = topic => {
    if (refuse.has(topic)) throw new GuardRefusal();
  };
});

const run = (): Promise<void> =>
  new TopicReview(client.core.topics, client.requests, client.answers).run(client.session);

describe('TopicReview', () => {
  it('asks about each topic that the client asked for and was answered about', async () => {
    client.subscribe('a');
    client.core.activate(client.core.topics.hold(client.peer.connection, 'by-server'));
    client.core.topics.hold(client.peer.connection, 'b').markRequested();
    await run();
    expect(client.asked).toEqual(['a']);
    expect(client.topics).toEqual(['a', 'b', 'by-server']);
  });

  it('ends a refused topic, and leaves the others', async () => {
    client.subscribe('a');
    client.subscribe('b');
    refuse.add('a');
    await run();
    expect(client.topics).toEqual(['b']);
    expect(client.frames().map(({ event }) => event)).toEqual(['error', 'unsubscribed']);
  });

  it('ends a topic that the path does not have any more', async () => {
    client.subscribe('gone');
    await run();
    expect(client.topics).toEqual([]);
    expect(client.frames()[0].data.code).toBe('UNKNOWN_TOPIC');
  });

  it('decides a presence after its topic, so that a client without the topic loses both', async () => {
    client.subscribe('room~presence');
    client.subscribe('room');
    client.core.clock.advance(20);
    refuse.add('room');
    await run();
    expect(client.topics).toEqual([]);
    expect(client.asked).toEqual(['room', 'room']);
  });

  it('tells nothing about a topic that the client has left meanwhile', async () => {
    client.subscribe('a');
    let decide!: () => void;
    client.method = () => new Promise((_, reject) => (decide = () => reject(new GuardRefusal())));
    const done = run();
    await settled();
    client.core.topics.leave(client.peer.connection.subscriptions.get('a')!);
    decide();
    await done;
    expect(client.frames()).toEqual([]);
  });
});
