import { beforeEach, describe, expect, it } from 'vitest';
import { GuardRefusal } from '../../../../lib/gateway/nest/guard-refusal.js';
import { SnapshotRenewal } from '../../../../lib/gateway/subscribe/snapshot-renewal.js';
import type { Subscription } from '../../../../lib/topic/subscription.js';
import { parseFrames } from '../../../support/unit/frames.js';
import { GatewayClient, settled } from '../../../support/unit/gateway-client.js';

/** Bytes that fill the socket. */
const FILLED = 100_000;

let client: GatewayClient;
let renewal: SnapshotRenewal;

beforeEach(() => {
  client = new GatewayClient(['t'], { maxUnsentBytes: 150_000, optionsOf: () => ({ slow: 'gap' }) });
  const { topics, catchUp } = client.core.delivery;
  renewal = new SnapshotRenewal({ topics, catchUp, requests: client.requests, answers: client.answers });
  catchUp.resyncWith((subscription, reason) => renewal.renew(subscription, reason));
});

/** Makes the client behind on a topic by three publications, more than is kept. */
function fallBehind(topic = 't'): Subscription {
  client.subscribe(topic);
  client.peer.socket.stalled = true;
  client.peer.socket.write(Buffer.alloc(FILLED));
  for (let i = 1; i <= 3; i++) client.core.broadcaster.publish(topic, 'x'.repeat(80_000));
  client.core.clock.turn();
  const subscription = client.peer.connection.subscriptions.get(topic)!;
  subscription.markRenewable(true);
  expect(subscription.state).toBe('behind');
  return subscription;
}

/** The client reads. With the policy `gap`, the subscription then loses its backlog. */
function drain(): void {
  client.peer.socket.stalled = false;
  client.peer.socket.drain();
  client.core.clock.turn();
}

/** Returns the frames of the client, after all answers. */
async function frames(): Promise<any[]> {
  await settled();
  client.core.clock.turn();
  const received = parseFrames(client.peer.socket.taken.subarray(FILLED));
  return received.map(({ payload }) => JSON.parse(String(payload)) as unknown);
}

describe('SnapshotRenewal.renew()', () => {
  it('sends the gap with a new snapshot, and later publications after it', async () => {
    const subscription = fallBehind();
    client.method = () => Promise.resolve('snapshot');
    drain();
    expect(subscription.state).toBe('renewing');
    client.core.broadcaster.publish('t', 4);
    const [gap, publication, ...rest] = await frames();
    expect(gap).toMatchObject({
      event: 'gap',
      data: { topic: 't', from: 1, to: 3, reason: 'slow', snapshot: 'snapshot' },
    });
    expect(publication).toMatchObject({ topic: 't', offset: 4 });
    expect(rest).toEqual([]);
    expect(subscription.live).toBe(true);
  });

  it('ends the subscription of a client that the method refuses now', async () => {
    fallBehind();
    client.method = () => Promise.reject(new GuardRefusal());
    drain();
    expect((await frames()).map(({ event }) => event)).toEqual(['error', 'unsubscribed']);
    expect(client.topics).toEqual([]);
  });

  it('sends nothing when the subscription has ended meanwhile', async () => {
    const subscription = fallBehind();
    let answer!: (value: unknown) => void;
    client.method = () => new Promise(resolve => (answer = resolve));
    drain();
    client.core.topics.leave(subscription);
    answer('snapshot');
    expect(await frames()).toEqual([]);
  });

  it('leaves a topic without a method to the gap alone', async () => {
    fallBehind('other');
    drain();
    const [gap] = await frames();
    expect(gap.data).toMatchObject({ topic: 'other', from: 1, to: 3 });
    expect(gap.data).not.toHaveProperty('snapshot');
  });
});
