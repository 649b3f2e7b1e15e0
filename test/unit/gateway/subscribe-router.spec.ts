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

beforeEach(() => {
  core = new Core();
  peer = core.connect();
  load = { overload: undefined };
  refused = [];
  asked = [];
  const { delivery } = core;
  const route = {
    handle: (_: unknown, { topic }: { topic: string }) => void asked.push(topic),
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
