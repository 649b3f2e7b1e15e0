import { describe, expect, it } from 'vitest';
import { takesSharedFrames } from '../../../lib/ws/deflate-agreement.js';

const OTHERS = ['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket'];

describe('takesSharedFrames', () => {
  it.each([
    'server_no_context_takeover',
    'server_no_context_takeover; client_no_context_takeover',
    'client_max_window_bits=10; server_no_context_takeover',
    'server_no_context_takeover; server_max_window_bits=15',
    'server_max_window_bits=12; server_no_context_takeover',
  ])('is true for permessage-deflate; %s', parameters => {
    const header = `Sec-WebSocket-Extensions: permessage-deflate; ${parameters}`;
    expect(takesSharedFrames([...OTHERS, header])).toBe(true);
    expect(takesSharedFrames([header.toLowerCase(), ...OTHERS])).toBe(true);
  });

  it.each([
    'permessage-deflate',
    'permessage-deflate; client_no_context_takeover',
    'permessage-deflate; server_no_context_takeover; server_max_window_bits=11',
    'permessage-deflate; server_max_window_bits=8; server_no_context_takeover',
    'permessage-bzip2; server_no_context_takeover',
    'permessage-deflate-not; server_no_context_takeover',
    '',
  ])('is false for %j', extension => {
    expect(takesSharedFrames([...OTHERS, `Sec-WebSocket-Extensions: ${extension}`])).toBe(false);
  });

  it('is false without the extension, and for a client that only offers it', () => {
    expect(takesSharedFrames(OTHERS)).toBe(false);
    expect(takesSharedFrames(['X-Offer: permessage-deflate; server_no_context_takeover'])).toBe(false);
  });
});
