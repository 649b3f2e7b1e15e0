import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { UseHandshakeGuards } from '../../../lib/gateway/handshake-guards.decorator.js';
import { markServed } from '../../../lib/gateway/served.js';

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
