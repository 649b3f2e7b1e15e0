import { describe, expect, it } from 'vitest';
import { TopicRoom } from '../../../../lib/gateway/subscribe/topic-room.js';

const room = (present: readonly string[], limit: number): TopicRoom =>
  new TopicRoom(
    { size: present.length, find: (name: string) => (present.includes(name) ? {} : undefined) } as never,
    limit,
  );

describe('TopicRoom', () => {
  it('lets clients create topics up to the limit', () => {
    expect(room(['a'], 2).has('b')).toBe(true);
    expect(room(['a', 'b'], 2).has('c')).toBe(false);
  });

  it('always has the topics that exist', () => {
    expect(room(['a', 'b'], 1).has('a')).toBe(true);
    expect(() => room(['a', 'b'], 1).assert('a')).not.toThrow();
  });

  it('refuses one more with BUSY, counted as a lack of topics', () => {
    expect(() => room(['a'], 1).assert('b')).toThrow(
      expect.objectContaining({ code: 'BUSY', cause: 'topics', topic: 'b' }),
    );
  });
});
