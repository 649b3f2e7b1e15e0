import { beforeEach, describe, expect, it } from 'vitest';
import { GatewayClient } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;

beforeEach(() => {
  client = new GatewayClient(['room'], {
    optionsOf: name => (name === 'room' ? { presence: { debounce: 10 } } : {}),
  });
});

const request = () => client.requests.for(client.session, 'room~presence')!;
const ask = (): unknown => request().ask({ topic: 'room~presence' });

describe('PresenceRequest', () => {
  it('asks the method of the topic for a client that does not have the topic', () => {
    expect(ask()).toEqual({ members: [] });
    expect(client.asked).toEqual(['room']);
    expect(client.topics).toEqual(['room~presence']);
  });

  it('is refused where the topic is', () => {
    client.method = () => {
      throw new Error('no');
    };
    expect(ask).toThrow('no');
  });

  it('asks nobody for a subscriber of the topic, and waits for unpublished changes', async () => {
    client.subscribe('room');
    const asked = ask();
    expect(asked).toBeInstanceOf(Promise);
    client.core.clock.advance(10);
    expect(await asked).toMatchObject({ members: [{ user: null, connections: 1 }] });
    expect(client.asked).toEqual([]);
    expect(ask()).toMatchObject({ members: [{ user: null, connections: 1 }] });
  });

  it('does not start the source of the topic', () => {
    const presence = request();
    let ended = 0;
    presence.streamed(undefined as never, () => ended++);
    expect([presence.feedsTopic(), ended, presence.replays]).toEqual([false, 1, false]);
  });

  it('has no answer for a client that left meanwhile', async () => {
    client.subscribe('room');
    const asked = ask();
    client.core.disconnect(client.peer);
    client.core.clock.advance(10);
    expect(await asked).toBeUndefined();
  });
});
