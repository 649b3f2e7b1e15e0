import { beforeEach, describe, expect, it } from 'vitest';
import { recover } from '../../../../lib/gateway/subscribe/recovered-position.js';
import type { Subscription } from '../../../../lib/topic/subscription.js';
import { Core } from '../../../support/unit/core.js';

let core: Core;
let subscription: Subscription;
let epoch: string;

beforeEach(() => {
  core = new Core({ optionsOf: () => ({ history: { size: 3, ttl: 1000 } }) });
  for (let i = 1; i <= 5; i++) core.broadcaster.publish('t', i);
  core.clock.turn();
  subscription = core.topics.hold(core.connect().connection, 't');
  epoch = subscription.topic.epoch;
});

const from = (offset: number, isSetBack = true): boolean =>
  recover(core.topics, subscription, `${epoch}:${offset}`, isSetBack);

describe('recover', () => {
  it('sets a subscription back to a position that the history reaches', () => {
    expect(from(2)).toBe(true);
    expect(subscription.cursor).toBe(2);
  });

  it.each([
    ['before the history', 1],
    ['after the newest publication', 6],
  ])('refuses a position %s', (_, offset) => {
    expect(from(offset)).toBe(false);
    expect(subscription.cursor).toBe(5);
  });

  it('refuses a position of another epoch', () => {
    expect(recover(core.topics, subscription, 'other:3', true)).toBe(false);
    expect(recover(core.topics, subscription, 'nonsense', true)).toBe(false);
  });

  it('refuses a position whose publications have expired', () => {
    core.clock.advance(1001);
    expect(from(2)).toBe(false);
    expect(from(5)).toBe(true);
  });

  it('leaves the cursor of a live subscription, which repeats nothing', () => {
    expect(from(4, false)).toBe(false);
    expect(from(5, false)).toBe(true);
    expect(subscription.cursor).toBe(5);
  });
});
