import { beforeEach, describe, expect, it } from 'vitest';
import { Membership } from '../../../lib/broadcast/membership.js';

const [ann, bob, cat] = ['ann', 'bob', 'cat'].map(user => ({ user, connections: 1 }));

let membership: Membership<string>;

/** Members from `first` to `last`, each on a connection of the same name. */
function enter(first: number, last: number): void {
  for (let i = first; i <= last; i++) membership.enter(`c${i}`, `u${i}`);
}

function leave(first: number, last: number): void {
  for (let i = first; i <= last; i++) membership.leave(`c${i}`);
}

beforeEach(() => {
  membership = new Membership(3);
});

describe('Membership', () => {
  it('counts the connections of a user as one member, whether its id is a number or a text', () => {
    expect(membership.enter('c1', 7)).toBe(true);
    expect(membership.enter('c2', '7')).toBe(false);
    expect(membership.members()).toEqual([{ user: 7, connections: 2 }]);
    expect(membership.leave('c1')).toBe(false);
    expect(membership.members()).toEqual([{ user: 7, connections: 1 }]);
    expect(membership.leave('c2')).toBe(true);
    expect(membership.members()).toEqual([]);
  });

  it('counts each connection without a user for itself', () => {
    membership.enter('c1', null);
    membership.enter('c2', null);
    expect(membership.members()).toEqual([
      { user: null, connections: 1 },
      { user: null, connections: 1 },
    ]);
    expect(membership.leave('c1')).toBe(true);
    expect(membership.size).toBe(1);
  });

  it('takes no notice of a connection that is not counted', () => {
    membership.enter('c1', 'ann');
    expect(membership.leave('c2')).toBe(false);
    membership.describe('c2', 'nobody');
    expect(membership.members()).toEqual([ann]);
  });

  it('gives members that are the caller’s own', () => {
    membership.enter('c1', 'ann');
    Object.assign(membership.members()[0]!, { user: 'eve' });
    expect(membership.members()).toEqual([ann]);
  });

  describe('#tell', () => {
    it('says who came and who went since the last time, and nothing when nobody did', () => {
      membership.enter('c1', 'ann');
      membership.enter('c2', 'bob');
      expect(membership.tell()).toEqual({ joined: [ann, bob], left: [] });
      expect(membership.tell()).toBeUndefined();
      membership.leave('c1');
      membership.enter('c3', 'cat');
      expect(membership.tell()).toEqual({ joined: [cat], left: [{ user: 'ann', connections: 0 }] });
    });

    it('does not mention who came and went, who went and came back, and further connections', () => {
      membership.enter('c1', 'ann');
      membership.tell();
      membership.enter('c2', 'bob');
      membership.leave('c2');
      membership.leave('c1');
      membership.enter('c3', 'ann');
      membership.enter('c4', 'ann');
      membership.leave('c3');
      expect(membership.tell()).toBeUndefined();
    });

    it('mentions who came back under an id that looks different', () => {
      membership.enter('c1', 7);
      membership.tell();
      membership.leave('c1');
      membership.enter('c2', '7');
      expect(membership.tell()).toEqual({
        joined: [{ user: '7', connections: 1 }],
        left: [{ user: 7, connections: 0 }],
      });
    });

    it('mentions who came back as somebody else to look at', () => {
      membership.enter('c1', 'ann');
      membership.describe('c1', { name: 'Ann' });
      membership.tell();
      membership.leave('c1');
      membership.enter('c2', 'ann');
      membership.describe('c2', { name: 'Anna' });
      expect(membership.tell()).toEqual({
        joined: [{ ...ann, info: { name: 'Anna' } }],
        left: [{ user: 'ann', connections: 0, info: { name: 'Ann' } }],
      });
      membership.leave('c2');
      membership.enter('c3', 'ann');
      membership.describe('c3', { name: 'Anna' });
      expect(membership.tell()).toBeUndefined();
    });
  });

  describe('#told', () => {
    it('is what others know: without who came since, with who went', () => {
      membership.enter('c1', 'ann');
      membership.enter('c2', 'bob');
      expect(membership.told()).toEqual({ members: [] });
      membership.tell();
      expect(membership.told()).toEqual({ members: [ann, bob] });
      membership.leave('c1');
      membership.enter('c3', 'cat');
      expect(membership.told()).toEqual({ members: [bob, { user: 'ann', connections: 0 }] });
      membership.tell();
      expect(membership.told()).toEqual({ members: [bob, cat] });
    });
  });

  describe('above its limit', () => {
    it('tells the number only, each time that it has changed', () => {
      enter(1, 3);
      expect(membership.tell()).toHaveProperty('joined');
      enter(4, 4);
      expect(membership.tell()).toEqual({ occupancy: 4 });
      expect(membership.told()).toEqual({ occupancy: 4 });
      enter(5, 6);
      expect(membership.told()).toEqual({ occupancy: 4 });
      expect(membership.tell()).toEqual({ occupancy: 6 });
      leave(6, 6);
      enter(7, 7);
      expect(membership.tell()).toBeUndefined();
    });

    it('names everybody again at 80 % of it, and then changes as before', () => {
      membership = new Membership(10);
      enter(1, 11);
      membership.tell();
      leave(1, 2);
      expect(membership.tell()).toEqual({ occupancy: 9 });
      leave(3, 3);
      expect(membership.tell()).toEqual({ members: membership.members() });
      expect(membership.size).toBe(8);
      enter(12, 12);
      expect(membership.tell()).toEqual({ joined: [{ user: 'u12', connections: 1 }], left: [] });
    });

    it('tells a crowd that came and went nothing at all', () => {
      enter(1, 20);
      leave(1, 20);
      expect(membership.tell()).toBeUndefined();
    });

    it('of 0 never names anybody', () => {
      membership = new Membership(0);
      expect(membership.told()).toEqual({ occupancy: 0 });
      enter(1, 1);
      expect(membership.tell()).toEqual({ occupancy: 1 });
      leave(1, 1);
      expect(membership.tell()).toEqual({ occupancy: 0 });
    });
  });
});
