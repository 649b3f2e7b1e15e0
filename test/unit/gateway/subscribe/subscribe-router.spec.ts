import { beforeEach, describe, expect, it } from 'vitest';
import type { Refusal } from '../../../../lib/errors/refusals.js';
import { ClientSession } from '../../../../lib/gateway/session/client-session.js';
import type { Invocation } from '../../../../lib/gateway/nest/invocation.js';
import { Answers } from '../../../../lib/gateway/session/answers.js';
import { CountedRefusal } from '../../../../lib/gateway/session/counted-refusal.js';
import { SubscribeRouter } from '../../../../lib/gateway/subscribe/subscribe-router.js';
import { TopicRequests } from '../../../../lib/gateway/subscribe/topic-requests.js';
import { TopicRoom } from '../../../../lib/gateway/subscribe/topic-room.js';
import { TopicSources } from '../../../../lib/gateway/subscribe/topic-sources.js';
import { UsageLimits } from '../../../../lib/limits/usage-limits.js';
import { UnreadyBytes } from '../../../../lib/limits/unready-bytes.js';
import { resolveOptions } from '../../../../lib/options/resolve-options.js';
import { Core, type Peer } from '../../../support/unit/core.js';

let core: Core;
let peer: Peer;
let session: ClientSession;
let router: SubscribeRouter;
let load: { overload: 'heap' | 'loop-delay' | undefined };
let refused: unknown[];
let asked: string[];
/** What the topic's method returns, unless a test has another method. */
let snapshot: unknown;
let method: (topic: string, invocation: Invocation) => unknown;

/** Lets promises settle. */
const settled = (): Promise<void> => new Promise(resolve => setImmediate(resolve));

beforeEach(() => {
  core = new Core({ optionsOf: name => (name === 'room' ? { presence: { debounce: 10 } } : {}) });
  peer = core.connect();
  load = { overload: undefined };
  refused = [];
  asked = [];
  snapshot = undefined;
  method = () => snapshot;
  const { delivery } = core;
  const route = {
    handle: (_: unknown, { topic }: { topic: string }, invocation: Invocation) => {
      asked.push(topic);
      return method(topic, invocation);
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
    answers: new Recorder({ errors: console, offenders: { refused: () => {} } }),
    usage: new UsageLimits(resolveOptions({}), core.clock.now),
    room,
    load,
    topicsPerConnection: 10,
  });
});

function send(event: 'subscribe' | 'unsubscribe', ...topics: string[]): void {
  void router[event](session, { kind: event, event, id: undefined, data: { topics } });
}

/** Answers, but for errors: those are kept. */
class Recorder extends Answers {
  override fail(_session: unknown, _id: unknown, error: unknown): void {
    const { code, topic, cause } = error as Refusal;
    refused.push([error instanceof CountedRefusal, code, cause, topic]);
  }
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
    subscription.topic.defer(subscription);
    subscription.topic.renew(subscription);
    subscription.lose(3);
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
    const command = { kind: 'subscribe', event: 'subscribe', id: undefined } as const;
    void router.subscribe(session, { ...command, data: { topic: 'room~presence', since } });
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

describe('SubscribeRouter while its client leaves answers unread', () => {
  const LARGE = 'x'.repeat(600_000);

  /** Ends the method of a topic that takes time. */
  let end: Map<string, () => void>;

  /** Everybody is answered with a large snapshot: at once, or by topics that begin with "slow" when a test ends them. */
  beforeEach(() => {
    end = new Map();
    method = (topic, invocation) => {
      invocation.called!();
      if (!topic.startsWith('slow')) return LARGE;
      return new Promise(resolve => end.set(topic, () => resolve(LARGE)));
    };
    peer.socket.stalled = true;
  });

  /** The client reads all it was sent so far; what follows is made and sent. */
  async function read(): Promise<void> {
    core.clock.turn();
    peer.socket.drain(peer.socket.writableLength);
    await settled();
    core.clock.turn();
  }

  /** Names of the topics that the client was answered about. */
  const answered = (): string[] =>
    peer.socket.frames.filter(({ event }) => event === 'subscribed').map(({ data }) => data.topic as string);

  const publications = (): string[] =>
    peer.socket.frames.filter(({ topic }) => topic !== undefined).map(({ data }) => data as string);

  it('asks about the topics of one message one after the other, when more than maxBytes are unread', async () => {
    send('subscribe', 'a', 'b', 'c', 'd', 'e');
    expect(asked).toEqual(['a', 'b']);
    for (const expected of ['abc', 'abcd', 'abcde']) {
      await read();
      expect(asked.join('')).toBe(expected);
      expect(peer.connection.bufferedBytes).toBeLessThan(1_800_000);
    }
    await read();
    expect(answered()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(peer.ws.closes).toEqual([]);
  });

  it('asks about all of them at once while there is room', () => {
    peer.socket.stalled = false;
    send('subscribe', 'slow-a', 'slow-b');
    send('subscribe', 'a', 'b', 'c', 'd');
    expect(asked).toEqual(['slow-a', 'slow-b', 'a', 'b', 'c', 'd']);
  });

  it('lets answers wait that take their time, and what is published meanwhile follows them', async () => {
    send('subscribe', 'slow-a', 'slow-b', 'slow-c', 'slow-d');
    for (const ended of end.values()) ended();
    await settled();
    core.broadcaster.publish('slow-d', 'news');
    core.clock.advance(100);
    expect(peer.connection.bufferedBytes).toBeLessThan(1_300_000);
    for (let i = 0; i < 4; i++) await read();
    expect(answered()).toEqual(['slow-a', 'slow-b', 'slow-c', 'slow-d']);
    expect(publications()).toEqual(['news']);
    expect(asked).toHaveLength(4);
    expect(peer.ws.closes).toEqual([]);
  });

  it('asks anew about a topic that its client has already, so that no snapshot is older than what came before it', async () => {
    const slow = method;
    method = () => undefined;
    send('subscribe', 'slow-d');
    method = slow;
    asked = [];
    send('subscribe', 'slow-a', 'slow-b', 'slow-d');
    for (const ended of end.values()) ended();
    await settled();
    expect(asked).toEqual(['slow-a', 'slow-b', 'slow-d']);
    await read();
    expect(asked).toEqual(['slow-a', 'slow-b', 'slow-d', 'slow-d']);
    end.get('slow-d')!();
    await settled();
    await read();
    expect(answered()).toEqual(['slow-d', 'slow-a', 'slow-b', 'slow-d']);
  });

  it('asks nobody about what its client did not wait for', async () => {
    send('subscribe', 'a', 'b', 'c');
    core.disconnect(peer);
    await settled();
    expect(asked).toEqual(['a', 'b']);
    expect(session.subscribing).toBe(0);
  });

  it('lets the server subscribe it, and answers when there is room', async () => {
    send('subscribe', 'a', 'b');
    expect(router.subscribeFromServer(peer.connection, 'c')).toBe(true);
    expect(router.subscribeFromServer(peer.connection, 'd')).toBe(true);
    expect(router.unsubscribeFromServer(peer.connection, 'd')).toBe(true);
    core.broadcaster.publish('c', 'news');
    core.clock.advance(100);
    for (let i = 0; i < 3; i++) await read();
    expect(answered()).toEqual(['a', 'b', 'c']);
    expect(publications()).toEqual(['news']);
    expect(router.subscribeFromServer(peer.connection, 'c')).toBe(false);
  });

  it('lets the server subscribe it once, also before the answer is sent', async () => {
    send('subscribe', 'a', 'b');
    const subscribe = (): boolean => router.subscribeFromServer(peer.connection, 'c');
    expect([subscribe(), subscribe()]).toEqual([true, false]);
    expect(router.unsubscribeFromServer(peer.connection, 'c')).toBe(true);
    expect([subscribe(), subscribe()]).toEqual([true, false]);
    for (let i = 0; i < 3; i++) await read();
    expect(answered()).toEqual(['a', 'b', 'c']);
  });
});
