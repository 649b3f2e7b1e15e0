import { describe, expect, it } from 'vitest';
import { subscribedText, unsubscribedText } from '../../../lib/gateway/topic-answers.js';
import { Subscription } from '../../../lib/topic/subscription.js';
import { Topic } from '../../../lib/topic/topic.js';

const NAME = 'a.B~1@_-';
const subscription = new Subscription(new Topic(NAME, 'Ab-_1.z', { size: 0 }), {} as never);
subscription.cursor = 7;
const position = 'Ab-_1.z:7';

class Money {
  toJSON(key: string) {
    return `money in ${key}`;
  }
}

describe('subscribedText', () => {
  it.each([
    [undefined, undefined],
    [0, false],
    [-0, true],
    [Number.MAX_SAFE_INTEGER, undefined],
    ['', true],
    ['"\\\u0000é\u2028', undefined],
  ])('is what JSON.stringify makes of it, with the id %j and recovered %j', (id, recovered) => {
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
    for (const snapshot of [...snapshots, () => {}, Symbol('no JSON'), '}}', { snapshot: {} }]) {
      const frame = { event: 'subscribed', id, data: { topic: NAME, position, recovered, snapshot } };
      expect(subscribedText(subscription, id, recovered, snapshot)).toBe(JSON.stringify(frame));
    }
  });

  it('throws what the snapshot throws', () => {
    expect(() => subscribedText(subscription, 1, undefined, 1n)).toThrow(TypeError);
  });
});

describe('unsubscribedText', () => {
  it.each([undefined, 5, 'x"y'])('is what JSON.stringify makes of it, with the id %j', id => {
    const frame = { event: 'unsubscribed', id, data: { topic: NAME } };
    expect(unsubscribedText(NAME, id)).toBe(JSON.stringify(frame));
  });
});
