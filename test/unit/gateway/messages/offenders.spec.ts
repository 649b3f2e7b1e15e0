import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { CLOSE } from '../../../../lib/errors/close-codes.js';
import { Bans } from '../../../../lib/limits/bans.js';
import type { ClientSession } from '../../../../lib/gateway/session/client-session.js';
import { Offenders } from '../../../../lib/gateway/messages/offenders.js';
import type { UsageLimits } from '../../../../lib/limits/usage-limits.js';
import { Rejections } from '../../../../lib/observe/rejections.js';
import { HandClock } from '../../../support/unit/hand-clock.js';
import { FakeSocket } from '../../../support/unit/fake-socket.js';

/** A client of a `ws` that cannot be stopped from parsing: it has nothing of what `ws` 8 parses with. */
function sessionOf(closes: number[]): ClientSession {
  const note = ({ code }: { code: number }): void => void closes.push(code);
  return {
    socket: Object.assign(new EventEmitter(), { resume() {}, terminate() {} }),
    connection: {
      output: new FakeSocket(),
      handshake: { ip: '192.0.2.1' },
      closeWithoutAnswer: note,
      noteClose: note,
    },
  } as unknown as ClientSession;
}

describe('Offenders', () => {
  it('counts nothing more of whoever is shut out, and shuts it out once', () => {
    const clock = new HandClock();
    const rejections = new Rejections(() => 0, { warn() {} });
    const offenders = new Offenders(
      rejections,
      { mayOffend: () => false } as Partial<UsageLimits> as UsageLimits,
      new Bans(0, () => 0),
      clock,
    );
    const closes: number[] = [];
    const session = sessionOf(closes);
    offenders.expel(session, 'pings', CLOSE.PING_FLOOD);
    offenders.expel(session, 'pings', CLOSE.PING_FLOOD);
    offenders.refused(session, 'message-rate');
    offenders.broke(session, 'protocol', 1002);
    expect(rejections.counts).toMatchObject({ pings: 1, abuse: 0, 'message-rate': 0, protocol: 0 });
    expect(closes).toEqual([CLOSE.PING_FLOOD.code]);
    expect(clock.timers).toBe(1);
  });
});
