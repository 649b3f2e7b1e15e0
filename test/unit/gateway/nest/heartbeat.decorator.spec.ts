import 'reflect-metadata';
import { describe, expect, it } from 'vitest';
import { Heartbeat, heartbeatOf } from '../../../../lib/gateway/nest/heartbeat.decorator.js';

describe('@Heartbeat()', () => {
  it('is read from the class, and inherited', () => {
    @Heartbeat({ interval: 5 })
    class Base {}
    class Derived extends Base {}
    @Heartbeat(false)
    class Silent extends Base {}
    expect([Base, Derived, Silent, class {}].map(heartbeatOf)).toEqual([
      { interval: 5 },
      { interval: 5 },
      false,
      undefined,
    ]);
  });
});
