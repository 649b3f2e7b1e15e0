import { describe, expect, it } from 'vitest';
import { JSON_PROTOCOLS } from '../../../lib/protocol/json.js';
import type { Subscribed } from '../../../lib/protocol/protocol.js';

const NAME = 'a.B~1@_-';
const position = 'e:7';
const protocol = JSON_PROTOCOLS[0]!;

function subscribed(answer: Partial<Subscribed>): unknown {
  const topic = { name: NAME, epoch: 'e' };
  const nothing = { id: undefined, recovered: undefined, maxRate: undefined, snapshot: undefined };
  return protocol.subscribed({ topic, offset: 7, ...nothing, ...answer });
}

class Money {
  toJSON() {
    return 'money';
  }
}

describe('JsonProtocol#subscribed', () => {
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
        expect(subscribed({ id, recovered, maxRate, snapshot })).toBe(JSON.stringify(frame));
      }
    },
  );

  it.each([1n, new Map(), () => {}])('refuses %s as a snapshot, and names the topic', snapshot => {
    const attempt = (): unknown => subscribed({ id: 1, snapshot });
    expect(attempt).toThrow(expect.objectContaining({ code: 'FANOUT_SNAPSHOT' }));
    expect(attempt).toThrow(NAME);
  });
});

describe('JsonProtocol#unsubscribed', () => {
  it.each([undefined, 5, 'x"y'])('is what JSON.stringify makes of it, with the id %j', id => {
    const frame = { event: 'unsubscribed', id, data: { topic: NAME } };
    expect(protocol.unsubscribed(NAME, id, 'removed')).toBe(JSON.stringify(frame));
  });
});
