import { describe, expect, it } from 'vitest';
import { Epochs } from '../../../lib/topic/epochs.js';
import { policiesOf } from '../../support/unit/policies.js';
import { retentionOf } from '../../support/unit/topics.js';
import { Topic } from '../../../lib/topic/topic.js';
import { append } from '../../support/unit/topics.js';

const TTL = 1000;
/** Longer than the least time of a period, so that it is one. */
const LONG = 400_000;
const policy = policiesOf(() => ({ history: { size: 2, ttl: TTL } })).policyOf('');

/** Makes a topic, publishes so much, and ends it. */
function pass(epochs: Epochs, name: string, publications: number, usedAt: number): void {
  const topic = new Topic(name, epochs.begin(name, policy.history), policy, retentionOf());
  append(topic, Array(publications).fill(1));
  topic.log.usedAt = usedAt;
  epochs.end(topic);
}

describe('Epochs', () => {
  it('remember a bounded number of topics that ended after a publication, the newest among them', () => {
    const epochs = new Epochs(() => 0, 100);
    for (let i = 0; i < 10_000; i++) {
      pass(epochs, `a.${i}`, 3, 0);
      expect(epochs.size).toBeLessThanOrEqual(100);
      expect(epochs.positionOf(`a.${Math.max(0, i - 20)}`, policy.history)).toMatch(/:3$/);
    }
  });

  it('remember a bounded number of topics that ended without a publication', () => {
    let now = 0;
    const epochs = new Epochs(() => now, 100);
    const old = Array.from({ length: 1000 }, (_, i) => {
      const name = `empty.${i}`;
      return new Topic(name, epochs.begin(name, policy.history), policy, retentionOf());
    });
    for (let i = 0; i < 5; i++, now += TTL) pass(epochs, `a.${i}`, 1, now);
    for (const topic of old) epochs.end(topic);
    expect(epochs.size).toBeGreaterThan(1);
    expect(epochs.size).toBeLessThanOrEqual(102);
  });

  it.each(Array.from({ length: 40 }, (_, i) => i + 1))(
    'never let a position pass that a publication followed, and let all others pass for the ttl, seed %i',
    seed => {
      let state = seed;
      const random = (below: number): number => {
        state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
        return Math.floor((state / 0x80000000) * below);
      };
      let now = 0;
      // Periods by number for some seeds, by time for the others.
      const isTight = seed % 2 === 0;
      const long = policiesOf(() => ({ history: { size: 2, ttl: LONG } })).policyOf('');
      const epochs = new Epochs(() => now, isTight ? 4 : undefined);
      const names = ['a', 'b', 'c'];
      const topics = new Map<string, Topic>();
      const published = new Map(names.map(name => [name, 0]));
      const handedOut: { name: string; position: string; published: number; at: number }[] = [];
      const note = (name: string, position: string): void =>
        void handedOut.push({ name, position, published: published.get(name)!, at: now });
      const topicOf = (name: string): Topic => {
        const topic =
          topics.get(name) ?? new Topic(name, epochs.begin(name, long.history), long, retentionOf());
        topics.set(name, topic);
        return topic;
      };
      let passed = 0;
      for (let step = 0; step < 600; step++) {
        const name = names[random(names.length)]!;
        const topic = topics.get(name);
        const action = random(6);
        if (action === 0) note(name, topic?.position ?? epochs.positionOf(name, long.history));
        if (action === 0 && topic !== undefined) topic.log.usedAt = now;
        if (action === 1) {
          append(topicOf(name), [1]);
          published.set(name, published.get(name)! + 1);
        }
        if (action === 2) note(name, topicOf(name).position);
        if (action === 2) topicOf(name).log.usedAt = now;
        if (action >= 3 && topic !== undefined) {
          if (action === 3) topic.log.usedAt = now;
          epochs.end(topic);
          topics.delete(name);
        }
        if (action === 5) now += random(LONG / 2);
        if (action === 4) pass(epochs, `other.${step}`, 1, now);
        const { log } = topicOf(name);
        for (const { name: of, position, published: then, at } of handedOut) {
          if (of !== name) continue;
          const offset = epochs.offsetOf(name, log.epoch, position);
          const isNewest = offset === log.head;
          if (isNewest) expect([position, published.get(name)]).toEqual([position, then]);
          if (isNewest) passed++;
          if (isTight || then !== published.get(name) || now - at >= LONG) continue;
          if (action === 0 || action === 3) expect([position, offset]).toEqual([position, log.head]);
        }
      }
      expect(passed).toBeGreaterThan(10);
    },
  );
});
