import { describe, expect, it } from 'vitest';
import { HeartbeatGuard } from '../../../../lib/gateway/messages/heartbeat.guard.js';
import { ExecutionContextHost } from '../../../../lib/gateway/nest/private-api.js';
import { attachSession } from '../../../../lib/gateway/session/client-session.js';

const guard = (isExpired: boolean): HeartbeatGuard =>
  new HeartbeatGuard({ isExpired: () => isExpired } as never);

function context(connection: object | undefined, type = 'ws'): ExecutionContextHost {
  const client = {};
  if (connection !== undefined) attachSession(client as never, { connection } as never);
  const host = new ExecutionContextHost([client]);
  host.setType(type as 'ws');
  return host;
}

describe('HeartbeatGuard', () => {
  it('passes a message of a connection that is open and in time', () => {
    expect(guard(false).canActivate(context({ open: true }))).toBe(true);
  });

  it('refuses one of a connection that is closing, or past its timeout', () => {
    expect(guard(false).canActivate(context({ open: false }))).toBe(false);
    expect(guard(true).canActivate(context({ open: true }))).toBe(false);
  });

  it('passes everything else', () => {
    expect(guard(true).canActivate(context(undefined))).toBe(true);
    expect(guard(true).canActivate(context({ open: false }, 'http'))).toBe(true);
  });
});
