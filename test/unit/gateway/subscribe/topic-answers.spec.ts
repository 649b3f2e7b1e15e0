import { describe, expect, it } from 'vitest';
import { subscribedText, unsubscribedText } from '../../../../lib/gateway/subscribe/topic-answers.js';
import { Subscription } from '../../../../lib/topic/subscription.js';
import { subscriber } from '../../../support/unit/subscribers.js';
import { topicOf } from '../../../support/unit/topics.js';

const NAME = 'a.B~1@_-';
const subscription = new Subscription(topicOf(NAME), subscriber());
subscription.rewind(7);
const position = 'e:7';

class Money {
  toJSON() {
    return 'money';
  }
}

describe('subscribedText', () => {
  it.each([
    [undefined, undefined, undefined],
    [0, false, 0.5],
    [-0, true, undefined],
    [Number.MAX_SAFE_INTEGER, undefined, 1 / 60],
    ['', true, 100],
    ['"\\\u0000é\u2028', undefined, undefined],
  ])(
    'is what JSON.stringify makes of it, with the id %j, recovered %j and maxRate %j',
    (id, recovered, maxRate) => {
      const snapshots = [
        undefined,
        null,
        0,
        '',
        false,
        'tex"t',
        {},
        { a: undefined },
        [1, undefined],
        new Date(0),
        new Money(),
      ];
      for (const snapshot of [...snapshots, '}}', { snapshot: {} }]) {
        const data = { topic: NAME, position, recovered, maxRate, snapshot };
        const frame = { event: 'subscribed', id, data };
        expect(subscribedText(subscription, id, { recovered, maxRate }, snapshot)).toBe(
          JSON.stringify(frame),
        );
      }
    },
  );

  it.each([1n, new Map(), () => {}])('refuses %s as a snapshot, and names the topic', snapshot => {
    const attempt = (): unknown => subscribedText(subscription, 1, {}, snapshot);
    expect(attempt).toThrow(expect.objectContaining({ code: 'FANOUT_SNAPSHOT' }));
    expect(attempt).toThrow(NAME);
  });
});

describe('unsubscribedText', () => {
  it.each([undefined, 5, 'x"y'])('is what JSON.stringify makes of it, with the id %j', id => {
    const frame = { event: 'unsubscribed', id, data: { topic: NAME } };
    expect(unsubscribedText(NAME, id)).toBe(JSON.stringify(frame));
  });
});
