import { describe, expect, it } from 'vitest';
import { GatewayTopicPolicies } from '../../../lib/gateway/topic-policies.js';
import { TopicPattern } from '../../../lib/topic/topic-pattern.js';

function policies(...gateways: Record<string, number>[]): GatewayTopicPolicies {
  const explorer = {
    gateways: gateways.map((topics, i) => ({
      port: 0,
      path: `/${i}`,
      topics: Object.entries(topics).map(([text, history]) => ({ pattern: new TopicPattern(text), history })),
    })),
  };
  return new GatewayTopicPolicies(explorer as never);
}

describe('GatewayTopicPolicies', () => {
  it('gives a topic the history of its pattern, and none without a pattern', () => {
    const all = policies({ 'prices.:symbol': 100, 'prices.AAPL': 5, clock: 0 });
    const sizes = ['prices.MSFT', 'prices.AAPL', 'clock', 'unknown'].map(name => all.historyOf(name).size);
    expect(sizes).toEqual([100, 5, 0, 0]);
  });

  it('takes the longer one of the same topics on two paths', () => {
    expect(policies({ 'a.:x': 5 }, { 'a.:y': 9 }).historyOf('a.b').size).toBe(9);
    expect(policies({ 'a.:x': 9 }, { 'a.:y': 5 }).historyOf('a.b').size).toBe(9);
  });
});
