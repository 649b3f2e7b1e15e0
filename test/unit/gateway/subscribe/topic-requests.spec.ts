import { beforeEach, describe, expect, it } from 'vitest';
import { PresenceRequest } from '../../../../lib/gateway/subscribe/presence-request.js';
import { unmatched } from '../../../../lib/gateway/subscribe/topic-requests.js';
import { GatewayClient } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;

beforeEach(() => {
  client = new GatewayClient(['rooms.:id', 'own~presence'], {
    optionsOf: name => (name === 'rooms.1' ? { presence: { debounce: 10 } } : {}),
  });
});

const requestFor = (name: string) => client.requests.for(client.session, name);

describe('TopicRequests', () => {
  it('makes a request for a topic of the path', () => {
    expect(requestFor('rooms.2')?.topic).toEqual({ name: 'rooms.2', params: { id: '2' } });
    expect(requestFor('other')).toBeUndefined();
  });

  it('takes a name that ends in ~presence for the presence of a topic that has one', () => {
    const request = requestFor('rooms.1~presence');
    expect(request).toBeInstanceOf(PresenceRequest);
    expect(request?.topic.name).toBe('rooms.1');
    expect(requestFor('rooms.2~presence')).toBeUndefined();
  });

  it('leaves such a name to a pattern that is written for it', () => {
    const request = requestFor('own~presence');
    expect(request?.name).toBe('own~presence');
    expect(request).not.toBeInstanceOf(PresenceRequest);
  });

  it('knows the presence of a topic and its first snapshot', () => {
    client.subscribe('rooms.1');
    expect(client.requests.presenceOf('rooms.1')).toBe('rooms.1~presence');
    expect(client.requests.presenceOf('rooms.2')).toBeUndefined();
    expect(client.requests.snapshotOf('rooms.1~presence')).toEqual({ members: [] });
    client.core.clock.advance(10);
    expect(client.requests.snapshotOf('rooms.1~presence')).toMatchObject({ members: [{ connections: 1 }] });
    expect(client.requests.snapshotOf('rooms.1')).toBeUndefined();
  });
});

describe('unmatched', () => {
  it('tells a name that is not encoded from one that no pattern has', () => {
    expect(unmatched('a.b').code).toBe('UNKNOWN_TOPIC');
    expect(unmatched('a~presence').code).toBe('UNKNOWN_TOPIC');
    expect(unmatched('a.~42').code).toBe('BAD_TOPIC');
  });
});
