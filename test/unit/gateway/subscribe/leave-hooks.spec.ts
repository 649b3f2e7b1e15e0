import { beforeEach, describe, expect, it } from 'vitest';
import { LeaveHooks, reasonOfClosing } from '../../../../lib/gateway/subscribe/leave-hooks.js';
import { CLOSE } from '../../../../lib/errors/close-codes.js';
import { GatewayClient } from '../../../support/unit/gateway-client.js';

let client: GatewayClient;
let hooks: LeaveHooks;
let calls: unknown[];
let errors: unknown[];
let routes: Record<string, unknown>;

beforeEach(() => {
  calls = [];
  errors = [];
  const note =
    (name: string) =>
    (_: unknown, topic: string, reason: string): void => {
      calls.push([name, topic, reason]);
    };
  routes = {
    own: { route: { leaveHook: note('own') } },
    bare: { route: {} },
  };
  const topics = { find: (name: string) => routes[name] };
  client = new GatewayClient([], {}, { topics, leaveHooks: [note('first'), note('second')] });
  hooks = new LeaveHooks({ error: (error: unknown) => errors.push(error) } as never);
  client.core.topics.listen({ left: (subscription, reason) => hooks.left(subscription, reason) });
});

/** Ends the client's subscription to a topic. */
function leave(topic: string): void {
  client.core.topics.leave(client.peer.connection.subscriptions.get(topic)!, 'unsubscribed');
}

describe('LeaveHooks', () => {
  it('calls the gateway whose pattern matches, after the end', async () => {
    client.subscribe('own');
    leave('own');
    expect(calls).toEqual([]);
    await hooks.settled();
    expect(calls).toEqual([['own', 'own', 'unsubscribed']]);
  });

  it('calls that gateway for the presence of its topic too', async () => {
    client.subscribe('own~presence');
    leave('own~presence');
    await hooks.settled();
    expect(calls).toEqual([['own', 'own~presence', 'unsubscribed']]);
  });

  it('calls nobody for a matching gateway without the hook, and all gateways where none matches', async () => {
    for (const topic of ['bare', 'stranger']) {
      client.subscribe(topic);
      leave(topic);
    }
    await hooks.settled();
    expect(calls).toEqual([
      ['first', 'stranger', 'unsubscribed'],
      ['second', 'stranger', 'unsubscribed'],
    ]);
  });

  it('calls nobody for a subscription that was never answered', async () => {
    client.core.topics.hold(client.peer.connection, 'own');
    leave('own');
    await hooks.settled();
    expect(calls).toEqual([]);
  });

  it('waits for handleConnection, and a shutdown waits for the hook', async () => {
    let connected!: () => void;
    client.session.connected = new Promise(resolve => (connected = resolve));
    client.subscribe('own');
    leave('own');
    let isSettled = false;
    const settled = hooks.settled().then(() => (isSettled = true));
    await new Promise(resolve => setImmediate(resolve));
    expect([calls, isSettled]).toEqual([[], false]);
    connected();
    await settled;
    expect(calls).toHaveLength(1);
  });

  it('logs an error of a hook', async () => {
    const error = new Error('bad');
    routes['own'] = { route: { leaveHook: () => Promise.reject(error) } };
    client.subscribe('own');
    leave('own');
    await hooks.settled();
    expect(errors).toEqual([error]);
  });
});

describe('reasonOfClosing', () => {
  it('tells a shutdown from any other close', () => {
    expect(reasonOfClosing({ closedWith: CLOSE.SHUTDOWN } as never)).toBe('shutdown');
    expect(reasonOfClosing({ closedWith: CLOSE.SLOW } as never)).toBe('closed');
    expect(reasonOfClosing({ closedWith: undefined } as never)).toBe('closed');
  });
});
