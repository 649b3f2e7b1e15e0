import { beforeEach, describe, expect, it } from 'vitest';
import type { TopicBroadcaster } from '../../../lib/broadcast/topic-broadcaster.js';
import { Core } from '../../support/unit/core.js';

let core: Core;
let broadcaster: TopicBroadcaster;

beforeEach(() => {
  core = new Core({ optionsOf: name => ({ history: name.startsWith('kept') ? 3 : 0 }) });
  broadcaster = core.broadcaster;
});

const offsets = (since?: string, name = 'kept'): number[] =>
  broadcaster.history(name, since).publications.map(({ offset }) => offset);

/** Publishes values and gives the position after each. */
function publish(...values: unknown[]): string[] {
  return values.map(value => {
    broadcaster.publish('kept', value);
    return broadcaster.position('kept');
  });
}

describe('TopicBroadcaster', () => {
  describe('#position', () => {
    it('grows by one with each publication, subscribers or not', () => {
      const positions = publish('a', 'b');
      expect(positions.map(position => position.replace(/^.+:/, ''))).toEqual(['1', '2']);
      expect(new Set(positions.map(position => position.replace(/:\d+$/, ''))).size).toBe(1);
    });

    it('of a topic with history holds before its first publication', () => {
      const since = broadcaster.position('kept');
      expect(broadcaster.history('kept', since)).toEqual({
        publications: [],
        position: since,
        complete: true,
      });
      publish('a');
      expect(broadcaster.history('kept', since)).toEqual({
        publications: [{ offset: 1, data: 'a' }],
        position: broadcaster.position('kept'),
        complete: true,
      });
    });

    it('of a topic without history that does not exist is one from which nothing is ever recovered', () => {
      const nowhere = broadcaster.position('a');
      core.connect().connection.subscribe('a');
      expect(broadcaster.history('a', nowhere).complete).toBe(false);
    });

    it('refuses a wrong name', () => {
      expect(() => broadcaster.position('!')).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_NAME' }));
    });
  });

  describe('#history', () => {
    it('gives the newest, oldest first, whether they were flushed or not', () => {
      publish('a', 'b');
      core.clock.turn();
      publish({ c: 1 });
      expect(broadcaster.history('kept')).toEqual({
        publications: [
          { offset: 1, data: 'a' },
          { offset: 2, data: 'b' },
          { offset: 3, data: { c: 1 } },
        ],
        position: broadcaster.position('kept'),
        complete: true,
      });
    });

    it('keeps as many as the topic says, and says that there were more', () => {
      publish(1, 2, 3, 4);
      expect(offsets()).toEqual([2, 3, 4]);
      expect(broadcaster.history('kept').complete).toBe(false);
      core.clock.turn();
      expect(offsets()).toEqual([2, 3, 4]);
    });

    it('gives what follows a position, and says whether something in between is missing', () => {
      const positions = publish(1, 2, 3, 4, 5);
      expect(positions.map(since => offsets(since))).toEqual([[3, 4, 5], [3, 4, 5], [4, 5], [5], []]);
      expect(positions.map(since => broadcaster.history('kept', since).complete)).toEqual([
        false,
        true,
        true,
        true,
        true,
      ]);
    });

    it.each(['', 'other:1', 'x', ':1'])('is not complete since %j, which is no position here', since => {
      publish(1);
      expect(broadcaster.history('kept', since)).toMatchObject({ complete: false });
      expect(offsets(since)).toEqual([1]);
    });

    it('is not complete since a position that is still to come', () => {
      const [position] = publish(1);
      const ahead = position!.replace(/:1$/, ':9');
      expect(broadcaster.history('kept', ahead)).toMatchObject({ complete: false, publications: [] });
    });

    it('gives nothing of a topic without history, though its log has something pending', () => {
      core.connect().connection.subscribe('a');
      broadcaster.publish('a', 1);
      expect(broadcaster.history('a')).toMatchObject({ publications: [], complete: false });
      expect(broadcaster.history('a', broadcaster.position('a'))).toMatchObject({ complete: true });
    });

    it('gives nothing more than the history, though a held subscription keeps the log longer', () => {
      core.topics.hold(core.connect().connection, 'kept');
      publish(1, 2, 3, 4, 5);
      core.clock.turn();
      expect(offsets()).toEqual([3, 4, 5]);
    });

    it('gives nothing that is older than the ttl of the history, to the millisecond', () => {
      core = new Core({ optionsOf: () => ({ history: { size: 10, ttl: 1000 } }) });
      ({ broadcaster } = core);
      publish('a');
      core.clock.time += 500;
      const [since] = publish('b');
      core.clock.time += 499;
      expect(offsets()).toEqual([1, 2]);
      core.clock.time += 1;
      expect(offsets()).toEqual([2]);
      expect(broadcaster.history('kept').complete).toBe(false);
      core.clock.time += 500;
      expect(broadcaster.history('kept', since)).toMatchObject({ publications: [], complete: true });
    });

    it('leaves out publications whose own ttl is over', () => {
      core.broadcaster.publish('kept', 'a', { ttl: 100 });
      publish('b');
      core.clock.time += 99;
      expect(offsets()).toEqual([1, 2]);
      core.clock.time += 1;
      expect(offsets()).toEqual([2]);
    });

    it('keeps no more bytes than the topic says', () => {
      core = new Core({ optionsOf: () => ({ history: { size: 10, bytes: 1000 } }) });
      ({ broadcaster } = core);
      publish(...['a', 'b', 'c', 'd'].map(fill => fill.repeat(398)));
      expect(offsets()).toEqual([3, 4]);
    });

    it('has the place where a topic ended, and is complete since then alone', () => {
      core = new Core({ optionsOf: () => ({ history: { size: 10, ttl: 10_000 } }) });
      ({ broadcaster } = core);
      const [first] = publish('a');
      core.clock.advance(9999);
      broadcaster.history('kept');
      core.clock.advance(9999);
      expect(core.topics.size).toBe(0);
      expect(broadcaster.history('kept', first)).toEqual({
        publications: [],
        position: first,
        complete: true,
      });
      expect(broadcaster.history('kept').complete).toBe(false);
      expect(broadcaster.history('kept', first!.replace(/1$/, '0')).complete).toBe(false);
      expect(broadcaster.history('kept', 'other:1').complete).toBe(false);
    });

    it('is empty, and not complete, for a name without history that is no topic now', () => {
      expect(broadcaster.history('nobody', 'e:1')).toEqual({
        publications: [],
        position: broadcaster.position('nobody'),
        complete: false,
      });
      expect(broadcaster.history('nobody', broadcaster.position('nobody')).complete).toBe(false);
      expect(broadcaster.history('nobody').complete).toBe(false);
    });
  });
});
