import { firstValueFrom, of, Subject } from 'rxjs';
import { beforeEach, describe, expect, it } from 'vitest';
import { FILTERED, type TopicRequest } from '../../../../lib/gateway/subscribe/topic-request.js';
import { GatewayClient, settled } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;
let request: TopicRequest;

beforeEach(() => {
  client = new GatewayClient([':t']);
  request = client.requests.for(client.session, 't')!;
});

const ask = (): unknown => request.ask({ topic: 't' });
const subscriptionOf = (name = 't') => client.peer.connection.subscriptions.get(name);

describe('TopicRequest.reserve()', () => {
  it('counts requests without a subscription yet towards the limit', () => {
    expect(request.reserve(1)).toBe(true);
    expect(client.session.subscribing).toBe(1);
    expect(client.requests.for(client.session, 'u')!.reserve(1)).toBe(false);
    request.end();
    expect(client.session.subscribing).toBe(0);
  });

  it('counts a topic once, and none that the server has subscribed', () => {
    client.core.activate(client.core.topics.hold(client.peer.connection, 'server'));
    expect(request.reserve(1)).toBe(true);
    request.hold();
    expect(client.session.subscribing).toBe(0);
    const again = client.requests.for(client.session, 't')!;
    expect(again.reserve(1)).toBe(true);
    expect(client.session.subscribing).toBe(0);
    expect(client.requests.for(client.session, 'u')!.reserve(1)).toBe(false);
  });
});

describe('TopicRequest.ask()', () => {
  it('holds the subscription while the method runs, and returns its value at once', () => {
    client.method = () => {
      expect(request.held).toBe(true);
      return 'snapshot';
    };
    expect(ask()).toBe('snapshot');
    expect(subscriptionOf()?.requested).toBe(true);
  });

  it('holds nothing on a closed connection', () => {
    client.peer.connection.close(1000);
    ask();
    expect(subscriptionOf()).toBeUndefined();
  });

  it('throws what the method throws, and gives up the subscription of a refused client', () => {
    client.method = () => {
      throw new Error('no');
    };
    expect(ask).toThrow('no');
    request.abandon();
    expect(subscriptionOf()).toBeUndefined();
  });

  it('keeps a subscription that was there before', () => {
    client.subscribe('t');
    request = client.requests.for(client.session, 't')!;
    request.abandon();
    expect(subscriptionOf()).toBeDefined();
  });

  it('tells that a filter has answered', async () => {
    client.method = () => void request.filtered();
    expect(ask).toThrow();
    let thrown: unknown;
    client.method = async () => request.filtered();
    await Promise.resolve(ask()).catch((error: unknown) => (thrown = error));
    expect(thrown).toBe(FILTERED);
  });

  it('takes a single value that an interceptor wraps for the snapshot', async () => {
    client.method = () => of('first', 'last');
    expect(await ask()).toBe('last');
  });

  it('is outdated when the credentials were renewed meanwhile', () => {
    ask();
    expect(request.outdated).toBe(false);
    client.session.renewals++;
    expect(request.outdated).toBe(true);
  });
});

describe('TopicRequest and a source', () => {
  it('runs one source for the topic, which publishes and has no snapshot', async () => {
    const values = new Subject<unknown>();
    client.method = () => Promise.resolve(request.streamed(values));
    expect(await ask()).toBeUndefined();
    expect(request.feedsTopic()).toBe(true);
    client.core.activate(subscriptionOf()!);
    client.sources.start('t');
    values.next(1);
    expect(client.frames().at(-1)).toMatchObject({ topic: 't', data: 1 });
  });

  it('ends the stream of a second request', async () => {
    client.method = () => Promise.resolve(request.streamed(new Subject()));
    await ask();
    let ended = 0;
    request = client.requests.for(client.session, 't')!;
    const stream = request.streamed(new Subject(), () => ended++);
    expect(await firstValueFrom(stream, { defaultValue: 'empty' })).toBe('empty');
    expect([request.feedsTopic(), ended]).toEqual([false, 1]);
  });

  it('stops a source whose topic has no subscriber when the request ends', async () => {
    const values = new Subject<unknown>();
    client.method = () => Promise.resolve(request.streamed(values));
    await ask();
    client.core.topics.leave(subscriptionOf()!);
    request.end();
    await settled();
    expect(values.observed).toBe(false);
  });
});

describe('TopicRequest.hold()', () => {
  it('refuses a subscription that the server has ended meanwhile', () => {
    client.core.topics.leave(request.hold());
    expect(() => request.hold()).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  });

  it('continues with the subscription of the request that it replaces', () => {
    request.reserve(10);
    const held = request.hold();
    const next = client.requests.for(client.session, 't')!;
    next.inherit(request);
    expect(next.hold()).toBe(held);
    next.abandon();
    expect(subscriptionOf()).toBeUndefined();
  });
});
