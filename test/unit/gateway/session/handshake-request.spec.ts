import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, expect, it } from 'vitest';
import { handshakeRequest, renewalRequest } from '../../../../lib/gateway/session/handshake-request.js';

/** A request as Node gives it. */
function request(url: string, headers: Record<string, string> = {}): IncomingMessage {
  const made = new IncomingMessage(new Socket());
  made.url = url;
  Object.assign(made.headers, headers);
  return made;
}

const ORIGIN = { ip: '192.0.2.1', params: { id: '7' } };

describe('handshakeRequest', () => {
  it('has the address, the parameters, the query and the cookies that guards read', () => {
    const made = handshakeRequest(
      request('/market?a=1&a=2&b=x%20y', { cookie: 'sid=a%20b; sid=c; q="z"' }),
      ORIGIN,
    );
    expect(made).toMatchObject({
      ip: '192.0.2.1',
      params: { id: '7' },
      originalUrl: '/market?a=1&a=2&b=x%20y',
    });
    expect({ ...made.query }).toEqual({ a: ['1', '2'], b: 'x y' });
    expect({ ...made.cookies }).toEqual({ sid: 'a b', q: 'z' });
  });

  it('has an empty query and no cookies when the client sent none', () => {
    const made = handshakeRequest(request('/market'), ORIGIN);
    expect([{ ...made.query }, { ...made.cookies }]).toEqual([{}, {}]);
  });

  it('keeps a cookie that is badly encoded as it is', () => {
    expect(handshakeRequest(request('/', { cookie: 'a=%zz' }), ORIGIN).cookies.a).toBe('%zz');
  });

  it('leaves what is there already, and lets a guard write', () => {
    const given = Object.assign(request('/market'), { ip: 'set before' });
    const made = handshakeRequest(given, ORIGIN);
    made.cookies = { own: '1' };
    expect([made.ip, made.cookies]).toEqual(['set before', { own: '1' }]);
  });

  it('takes no token over the header authorization', () => {
    const made = handshakeRequest(request('/market?access_token=b', { authorization: 'Bearer a' }), ORIGIN);
    expect(made.headers.authorization).toBe('Bearer a');
  });
});

describe('renewalRequest', () => {
  it('has the new token, and otherwise the request of the handshake', () => {
    const handshake = { url: '/market', headers: { origin: 'https://example.com' }, ...ORIGIN };
    const made = renewalRequest(new Socket(), handshake as never, 'new');
    expect(made.headers).toEqual({ origin: 'https://example.com', authorization: 'Bearer new' });
    expect(made).toMatchObject({ method: 'GET', url: '/market', complete: true, ...ORIGIN });
    expect(handshake.headers).toEqual({ origin: 'https://example.com' });
  });

  it('has a body that ends at once', async () => {
    const made = renewalRequest(new Socket(), { url: '/', headers: {}, ...ORIGIN } as never, 'new');
    const chunks: unknown[] = [];
    for await (const chunk of made) chunks.push(chunk);
    expect(chunks).toEqual([]);
  });
});
