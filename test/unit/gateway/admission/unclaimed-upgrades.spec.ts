import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it, vi } from 'vitest';
import {
  type UnclaimedDeps,
  UnclaimedUpgrades,
} from '../../../../lib/gateway/admission/unclaimed-upgrades.js';
import { UpgradeRefusal } from '../../../../lib/gateway/handshake/upgrade-refusal.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

describe('UnclaimedUpgrades', () => {
  function setUp() {
    const refuse = vi.fn();
    const clock = new HandClock();
    const upgrades = new UnclaimedUpgrades({
      addresses: { of: () => '127.0.0.1' },
      refuser: { refuse },
      rejections: { count: () => {} },
      handshakeMs: 5000,
      clock,
    } as unknown as UnclaimedDeps);
    return { upgrades, refuse, clock };
  }

  const leave = (upgrades: UnclaimedUpgrades, socket: PassThrough): void =>
    upgrades.leave({} as IncomingMessage, socket, Buffer.alloc(0), new UpgradeRefusal(404, 'path'));

  it('leaves an upgrade to others for the time of a handshake', () => {
    const { upgrades, refuse, clock } = setUp();
    leave(upgrades, new PassThrough());
    clock.advance(4999);
    expect(refuse).not.toHaveBeenCalled();
    clock.advance(1);
    expect(refuse).toHaveBeenCalledOnce();
    expect(upgrades.size).toBe(0);
  });

  it('refuses one that comes after stop() in the next turn, unless somebody has taken it', () => {
    const { upgrades, refuse, clock } = setUp();
    upgrades.stop();
    const taken = new PassThrough();
    leave(upgrades, taken);
    taken.on('data', () => {});
    leave(upgrades, new PassThrough());
    expect(refuse).not.toHaveBeenCalled();
    clock.advance(1);
    expect(refuse).toHaveBeenCalledOnce();
    expect(upgrades.size).toBe(0);
  });
});
