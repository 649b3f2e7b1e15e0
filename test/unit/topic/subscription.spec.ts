import { beforeEach, describe, expect, it } from 'vitest';
import { Subscription } from '../../../lib/topic/subscription.js';
import { subscriber } from '../../support/unit/subscribers.js';
import { append, topicOf } from '../../support/unit/topics.js';

let subscription: Subscription;

beforeEach(() => {
  const topic = topicOf();
  append(topic, [1, 2, 3]);
  subscription = new Subscription(topic, subscriber());
});

describe('Subscription', () => {
  it('has fields that other files cannot assign', () => {
    for (const field of [
      'cursor',
      'lostFrom',
      'state',
      'lane',
      'index',
      'topic',
      'requested',
      'answered',
      'renewable',
    ])
      expect(() => Object.assign(subscription, { [field]: 1 }), field).toThrow(TypeError);
  });

  it('moves its cursor forward, and never back', () => {
    subscription.advance(5);
    subscription.advance(4);
    expect(subscription.cursor).toBe(5);
  });

  it('sets its cursor back when a client goes on from an earlier position', () => {
    subscription.rewind(1);
    expect(subscription.cursor).toBe(1);
  });

  it('keeps the first lost offset until the client is told, and moves its cursor to the end of the loss', () => {
    subscription.lose(5);
    subscription.lose(8);
    expect(subscription).toMatchObject({ lostFrom: 4, cursor: 8 });
    subscription.lossTold();
    expect(subscription).toMatchObject({ lostFrom: 0, cursor: 8 });
    subscription.lose(9);
    expect(subscription).toMatchObject({ lostFrom: 9, cursor: 9 });
  });

  it.each([
    ['held', []],
    ['renewing', ['returning', 'renewing']],
    ['ended', ['ended']],
  ] as const)('is not served when %s', (state, way) => {
    for (const each of way) subscription.enter(each);
    expect(subscription).toMatchObject({ state, served: false, live: false, catchingUp: false });
  });

  it.each([
    ['behind', ['live', 'behind']],
    ['returning', ['returning']],
    ['waiting', ['returning', 'waiting']],
  ] as const)('is served from the log when %s', (state, way) => {
    for (const each of way) subscription.enter(each);
    expect(subscription).toMatchObject({ state, served: true, live: false, catchingUp: true });
  });

  it('is served by flushes when live', () => {
    subscription.enter('live');
    expect(subscription).toMatchObject({ state: 'live', served: true, live: true, catchingUp: false });
  });

  it('refuses a change of state that the table does not have, and keeps its state', () => {
    subscription.enter('ended');
    expect(() => subscription.enter('live')).toThrow(
      expect.objectContaining({ code: 'FANOUT_SUBSCRIPTION_STATE' }),
    );
    expect(subscription.state).toBe('ended');
  });

  it('may enter the state that it is in', () => {
    subscription.enter('held');
    expect(subscription.state).toBe('held');
  });
});
