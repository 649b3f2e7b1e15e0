import { describe, expect, it } from 'vitest';
import { Subscription } from '../../../lib/topic/subscription.js';
import { offsetIn, positionOf } from '../../../lib/topic/position.js';
import { Topic } from '../../../lib/topic/topic.js';
import { subscriber } from '../support/subscribers.js';

function topic(history = 0): Topic {
  return new Topic('t', 'e', { size: history });
}

function append(to: Topic, count: number, bytes = 1): void {
  for (let i = 0; i < count; i++) to.append('1', bytes);
}

function hold(to: Topic): Subscription {
  const subscription = new Subscription(to, subscriber());
  to.held.add(subscription);
  return subscription;
}

describe('Subscription', () => {
  it('begins after what was published so far, and held', () => {
    const at = topic();
    append(at, 3);
    const subscription = new Subscription(at, subscriber());
    expect(subscription).toMatchObject({ cursor: 3, held: true });
  });
});

describe('Topic', () => {
  describe('#append', () => {
    it('counts what is pending', () => {
      const at = topic();
      at.append('1', 10);
      at.append('2', 5, 'id');
      expect(at).toMatchObject({ pendingBytes: 15, flushed: 0, position: 'e:2' });
      expect(at.log.range(1, 2)[0]).toMatchObject({ except: 'id' });
    });
  });

  describe('#handOut', () => {
    it('gives the newest offset, which whoever comes to life from now on catches up with', () => {
      const at = topic();
      append(at, 3);
      expect(at.handOut()).toBe(3);
      expect(at).toMatchObject({ flushed: 3, settled: 0 });
    });
  });

  describe('#settle', () => {
    it('forgets what was flushed when nobody needs it', () => {
      const at = topic();
      append(at, 3);
      at.settle(3);
      expect(at.settled).toBe(3);
      expect(at.log).toMatchObject({ first: 4, bytes: 0 });
    });

    it('keeps what follows the lowest held cursor', () => {
      const at = topic();
      append(at, 2);
      const early = hold(at);
      append(at, 2);
      const late = hold(at);
      append(at, 2);
      at.settle(6);
      expect(at.log.first).toBe(3);
      at.activate(early);
      at.settle(6);
      expect(at.log.first).toBe(5);
      at.remove(late);
      at.settle(6);
      expect(at.log.first).toBe(7);
    });

    it('keeps the history, the newest so many', () => {
      const at = topic(2);
      append(at, 5);
      at.settle(5);
      expect(at.log.first).toBe(4);
    });

    it('keeps more than the history for a held cursor', () => {
      const at = topic(2);
      hold(at);
      append(at, 5);
      at.settle(5);
      expect(at.log.first).toBe(1);
    });

    it('keeps no more than a mebibyte for held cursors, but always the history', () => {
      const at = topic(1);
      hold(at);
      append(at, 1, 1024 * 1024);
      at.settle(1);
      expect(at.log.first).toBe(1);
      append(at, 1, 1);
      at.settle(2);
      expect(at.log.first).toBe(2);
    });

    it('never drops what is still to be flushed', () => {
      const at = topic();
      append(at, 5);
      at.settle(3);
      expect(at.log.first).toBe(4);
    });
  });

  describe('#remove', () => {
    it('puts the last one into the gap, and removes that one too when its turn comes', () => {
      const at = topic();
      const all = Array.from({ length: 5 }, () => hold(at));
      for (const subscription of all) at.activate(subscription);
      expect(all.every(({ held }) => held)).toBe(false);
      at.remove(all[1]!);
      expect(at.subscriptions).toEqual([all[0], all[4], all[2], all[3]]);
      at.remove(all[4]!);
      at.remove(all[3]!);
      expect(at.subscriptions).toEqual([all[0], all[2]]);
      at.remove(all[2]!);
      at.remove(all[0]!);
      expect(at.subscriptions).toEqual([]);
      expect(all.every(({ held }) => held)).toBe(true);
    });

    it('counts those that were live', () => {
      const at = topic();
      const [held, live] = [hold(at), hold(at)];
      at.activate(live);
      at.remove(held);
      expect(at.departures).toBe(0);
      at.remove(live);
      at.remove(live);
      expect(at.departures).toBe(1);
    });

    it('takes a held one out, and does nothing for one that is out', () => {
      const at = topic();
      const [held, live] = [hold(at), hold(at)];
      at.activate(live);
      at.remove(held);
      at.remove(held);
      expect(at.held.size).toBe(0);
      expect(at.subscriptions).toEqual([live]);
      at.remove(live);
      at.remove(live);
      expect(at.subscriptions).toEqual([]);
    });
  });
});

describe('offsetIn', () => {
  it('reads what positionOf writes', () => {
    expect(offsetIn('a:b.1', positionOf('a:b.1', 42))).toBe(42);
    expect(offsetIn('e', 'e:0')).toBe(0);
    expect(offsetIn('e', `e:${Number.MAX_SAFE_INTEGER}`)).toBe(Number.MAX_SAFE_INTEGER);
  });

  it.each([
    '',
    'e',
    'e:',
    ':1',
    'f:1',
    'e:-1',
    'e:1.5',
    'e:1e3',
    'e: 1',
    'e:0x1',
    'ee:1',
    'e:9007199254740992',
    `e:${'1'.repeat(17)}`,
  ])('knows no offset in %j', position => {
    expect(offsetIn('e', position)).toBeUndefined();
  });
});
