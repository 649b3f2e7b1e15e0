import { describe, expect, it } from 'vitest';
import { badRequest, UpgradeRefusal } from '../../../../lib/gateway/handshake/upgrade-refusal.js';

describe('UpgradeRefusal', () => {
  it('names its status and cause, and has no stack', () => {
    const refusal = new UpgradeRefusal(403, 'forbidden', { body: 'no', retryAfter: 5 });
    expect(refusal).toMatchObject({
      name: 'UpgradeRefusal',
      message: 'upgrade refused with 403: forbidden',
      body: 'no',
      retryAfter: 5,
      close: undefined,
    });
    expect(refusal.stack ?? '').not.toContain('upgrade-refusal.spec');
  });
});

describe('badRequest', () => {
  it('refuses a GET with 400, and tells the versions', () => {
    expect(badRequest('GET', 'Missing or invalid Sec-WebSocket-Key header')).toMatchObject({
      status: 400,
      cause: 'request',
      body: 'Missing or invalid Sec-WebSocket-Key header',
      headers: { 'Sec-WebSocket-Version': '13, 8' },
    });
  });

  it.each(['POST', undefined])('refuses the method %o with 405, and tells the right one', method => {
    expect(badRequest(method, 'Invalid HTTP method')).toMatchObject({
      status: 405,
      headers: { Allow: 'GET', 'Sec-WebSocket-Version': '13, 8' },
    });
  });
});
