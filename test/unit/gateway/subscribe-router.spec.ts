import { beforeEach, describe, expect, it } from 'vitest';
import type { Refusal } from '../../../lib/errors/refusals.js';
import { ClientSession } from '../../../lib/gateway/client-session.js';
import { CountedRefusal } from '../../../lib/gateway/counted-refusal.js';
import { SubscribeRouter } from '../../../lib/gateway/subscribe-router.js';
import { TopicRequests } from '../../../lib/gateway/topic-requests.js';
import { TopicRoom } from '../../../lib/gateway/topic-room.js';
import { TopicSources } from '../../../lib/gateway/topic-sources.js';
import { UsageLimits } from '../../../lib/gateway/usage-limits.js';
import { UnreadyBytes } from '../../../lib/gateway/unready-bytes.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import { Core, type Peer } from '../support/core.js';

let core: Core;
let peer: Peer;
let session: ClientSession;
let router: SubscribeRouter;
let load: { overload: 'heap' | 'loop-delay' | undefined };
let refused: unknown[];
let asked: string[];
/** What the topic's method returns. */
let snapshot: unknown;

beforeEach(() => {
  core = new Core({ optionsOf: name => (name === 'room' ? { presence: { debounce: 10 } } : {}) });
  peer = core.connect();
  load = { overload: undefined };
  refused = [];
  asked = [];
  snapshot = undefined;
  const { delivery } = core;
  const route = {
    handle: (_: unknown, { topic }: { topic: string }) => {
      asked.push(topic);
      return snapshot;
    },
    pattern: ':x',
  };
  const endpoint = { server: { options: {} }, topics: { find: () => ({ route, pattern: { text: ':x' } }) } };
  session = new ClientSession(peer.connection, endpoint as never, {
    unready: new UnreadyBytes(0),
    route: () => {},
  });
  const sources = new TopicSources(delivery.broadcaster, () => {}, console);
  const room = new TopicRoom(delivery.topics, 1000);
  router = new SubscribeRouter({
    delivery,
    sources,
    requests: new TopicRequests(delivery, sources, room),
    usage: new UsageLimits(resolveOptions({}), core.clock.now),
    room,
    load,
    topicsPerConnection: 10,
  });
});

function send(event: 'subscribe' | 'unsubscribe', ...topics: string[]): void {
  void router[event](session, { event, id: undefined, data: { topics } }, (_, __, error) => {
    const { code, topic, cause } = error as Refusal;
    refused.push([error instanceof CountedRefusal, code, cause, topic]);
  });
}

const topics = (): string[] => [...peer.connection.topics].sort();

describe('SubscribeRouter under load', () => {
  it.each(['heap', 'loop-delay'] as const)(
    'answers what is new with BUSY, counted as %s, without asking anybody, until there is room again',
    cause => {
      send('subscribe', 'a');
      load.overload = cause;
      send('subscribe', 'b', 'c');
      expect(refused).toEqual([
        [true, 'BUSY', cause, 'b'],
        [true, 'BUSY', cause, 'c'],
      ]);
      expect(asked).toEqual(['a']);
      expect(topics()).toEqual(['a']);
      load.overload = undefined;
      send('subscribe', 'b');
      expect(topics()).toEqual(['a', 'b']);
    },
  );

  it('lets a client subscribe again to what it has, and leave it', () => {
    send('subscribe', 'a', 'b');
    load.overload = 'heap';
    send('subscribe', 'a');
    send('unsubscribe', 'b');
    expect(refused).toEqual([]);
    expect(asked).toEqual(['a', 'b', 'a']);
    expect(topics()).toEqual(['a']);
  });

  it('refuses the server nothing', () => {
    load.overload = 'heap';
    expect(router.subscribeFromServer(peer.connection, 'a')).toBe(true);
    expect(topics()).toEqual(['a']);
  });
});

describe('SubscribeRouter and a client that lost publications', () => {
  /** A client that lost three publications, and for which a new snapshot is in the making. */
  function lose(): string {
    send('subscribe', 'a');
    const subscription = peer.connection.subscriptions.get('a')!;
    for (let i = 0; i < 3; i++) core.broadcaster.publish('a', i);
    subscription.topic.hold(subscription);
    Object.assign(subscription, { lostFrom: 1, cursor: 3 });
    core.clock.turn();
    return core.broadcaster.position('a');
  }

  /** The frames that the client gets when it subscribes again. */
  function again(): unknown[] {
    const before = peer.socket.frames.length;
    send('subscribe', 'a');
    core.clock.turn();
    return peer.socket.frames.slice(before);
  }

  it('tells of them before the answer, whose snapshot stands for all of them', () => {
    const position = lose();
    snapshot = { all: 3 };
    expect(again()).toEqual([
      { event: 'gap', data: { topic: 'a', from: 1, to: 3, position, reason: 'slow' } },
      { event: 'subscribed', data: { topic: 'a', position, snapshot } },
    ]);
  });

  it('tells of nothing when the snapshot cannot be sent, so that the other one can', () => {
    lose();
    snapshot = new Map();
    expect(again()).toEqual([]);
    expect(refused).toHaveLength(1);
    expect(peer.connection.subscriptions.get('a')).toMatchObject({ lostFrom: 1, cursor: 3 });
  });
});

describe('SubscribeRouter and a presence', () => {
  /** The answer to a subscribe to the presence that goes on from an offset. */
  function answerSince(offset: number): object {
    const before = peer.socket.frames.length;
    const since = core.broadcaster.position('room~presence').replace(/\d+$/, String(offset));
    const message = { event: 'subscribe', id: undefined, data: { topic: 'room~presence', since } };
    void router.subscribe(session, message, (_, __, error) => refused.push(error));
    core.clock.turn();
    const frames = peer.socket.frames.slice(before);
    expect(frames).toHaveLength(1);
    expect(frames[0].event).toBe('subscribed');
    return frames[0].data as object;
  }

  it('gives the list to whoever comes back, and no change that the list has', () => {
    // Somebody whose answer takes its time: the log is kept for it.
    core.topics.hold(core.connect().connection, 'room~presence');
    peer.connection.user = { id: 'ann' };
    send('subscribe', 'room');
    core.clock.advance(100);
    core.clock.turn();
    const members = [{ user: 'ann', connections: 1 }];
    expect(answerSince(0)).toMatchObject({ recovered: false, snapshot: { members } });
    send('unsubscribe', 'room~presence');
    core.clock.turn();
    expect(answerSince(1)).toMatchObject({ recovered: true, snapshot: { members } });
    expect(refused).toEqual([]);
  });
});
