import 'reflect-metadata';
import { Logger } from '@nestjs/common';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { UseHandshakeGuards } from '../../../../lib/gateway/nest/handshake-guards.decorator.js';
import { markServed } from '../../../../lib/gateway/nest/served.js';
import { Topic } from '../../../../lib/gateway/nest/topic.decorator.js';

const calls: unknown[] = [];

class Base {
  afterInit(server: unknown) {
    calls.push(server);
  }
}

@UseHandshakeGuards({ canActivate: () => true })
class Own extends Base {
  override afterInit(server: unknown) {
    super.afterInit(server);
  }
}

@UseHandshakeGuards({ canActivate: () => true })
class Inherited extends Base {}

@UseHandshakeGuards({ canActivate: () => true })
class Plain {}

describe('A gateway with topics', () => {
  it('says without FanoutModule that nobody can subscribe, and starts', () => {
    const warn = vi.spyOn(Logger.prototype, 'warn').mockImplementation(() => {});
    onTestFinished(() => warn.mockRestore());
    class Topics extends Base {
      @Topic('a')
      @Topic('b')
      topic() {}
    }
    new Topics().afterInit('of topics');
    expect(calls).toEqual(['of topics']);
    calls.length = 0;
    expect(warn.mock.calls.map(([line]) => line)).toEqual([
      expect.stringMatching(/^Gateway Topics has @Topic\(\), but no FanoutModule serves it/),
    ]);
  });
});

describe('A gateway with handshake guards', () => {
  it('does not start without FanoutModule, and as ever with it', () => {
    for (const gateway of [new Own(), new Inherited(), new Plain() as Base]) {
      expect(() => gateway.afterInit('server')).toThrow(
        expect.objectContaining({ code: 'FANOUT_NOT_IMPORTED' }),
      );
    }
    expect(calls).toEqual([]);
    markServed();
    for (const gateway of [new Own(), new Inherited(), new Plain() as Base]) gateway.afterInit('server');
    expect(calls).toEqual(['server', 'server']);
  });
});
