import { describe, expect, it } from 'vitest';
import { Epochs } from '../../../lib/topic/epochs.js';
import { policiesOf } from '../support/policies.js';
import { retentionOf } from '../support/topics.js';
import { Topic } from '../../../lib/topic/topic.js';
import { append } from '../support/topics.js';

const TTL = 1000;
const policy = policiesOf(() => ({ history: { size: 2, ttl: TTL } })).policyOf('');

/** Makes a topic, publishes so much, and ends it. */
function pass(epochs: Epochs, name: string, publications: number, usedAt: number): void {
  const topic = new Topic(name, epochs.begin(name, policy.history), policy, retentionOf());
  append(topic, Array(publications).fill(1));
  topic.usedAt = usedAt;
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

  it('never give an epoch to two logs of a name, nor a place in one to what was before it', () => {
    let now = 0;
    const epochs = new Epochs(() => now, 4);
    const logs = new Set<string>();
    const handedOut: string[] = [];
    for (let i = 0; i < 300; i++, now += (i % 7) * 100) {
      handedOut.push(epochs.positionOf('a', policy.history).replace(/\d+$/, '0'));
      const { epoch, head } = epochs.begin('a', policy.history);
      if (head === 0) {
        expect(logs.has(epoch)).toBe(false);
        logs.add(epoch);
        // A log begins where the last position that was handed out says, and all that was before is over.
        const offsets = handedOut.map(position => epochs.offsetOf('a', epoch, position));
        expect(offsets.at(-1)).toBe(0);
        expect(offsets.slice(0, -1).filter(offset => offset !== undefined)).toEqual([]);
      }
      const topic = new Topic('a', { epoch, head }, policy, retentionOf());
      append(topic, [1]);
      topic.usedAt = now - (i % 3) * TTL;
      epochs.end(topic);
      for (let j = 0; j < i % 5; j++) pass(epochs, `other.${i}.${j}`, 1, now);
    }
    expect(logs.size).toBeGreaterThan(50);
  });
});
