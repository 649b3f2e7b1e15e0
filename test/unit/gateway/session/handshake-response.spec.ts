import { describe, expect, it } from 'vitest';
import { HandshakeResponse, MAX_BODY_BYTES } from '../../../../lib/gateway/session/handshake-response.js';

const response = (): HandshakeResponse => new HandshakeResponse({ method: 'GET', headers: {} } as never);

describe('HandshakeResponse', () => {
  it('keeps the status, the headers and the body of the methods of Express and Fastify', () => {
    const made = response();
    made.status(402).header('x-a', '1').set({ 'x-b': '2' }).header('x-none').json({ price: 3 });
    expect(made).toMatchObject({ statusCode: 402, body: '{"price":3}', writableEnded: true });
    expect(made.getHeaders()).toMatchObject({
      'x-a': '1',
      'x-b': '2',
      'content-type': 'application/json; charset=utf-8',
    });
  });

  it.each([
    ['text', 'text'],
    [{ a: 1 }, '{"a":1}'],
    [Buffer.from('bytes'), 'bytes'],
    [undefined, undefined],
  ])('sends %o', (given, body) => {
    const made = response();
    made.code(403).send(given);
    expect([made.body, made.statusCode]).toEqual([body, 403]);
  });

  it('keeps what write() and end() were given, once', () => {
    const made = response();
    made.write('a');
    made.end('b');
    made.end('c');
    expect(made.body).toBe('ab');
  });

  it.each([
    [[{ 'x-a': '1' }], '1'],
    [['OK', { 'x-a': '1' }], '1'],
    [[['x-a', '1']], '1'],
    [[[['x-a', '1']]], '1'],
    [[], undefined],
  ])('keeps the headers of writeHead(%j)', (rest, value) => {
    const made = response();
    made.writeHead(401, ...(rest as []));
    expect([made.statusCode, made.getHeader('x-a')]).toEqual([401, value]);
  });

  it('has no body that is larger than a refusal carries', () => {
    const made = response();
    made.end('x'.repeat(MAX_BODY_BYTES + 1));
    expect(made.body).toBeUndefined();
  });

  it('tells that it has ended, and calls back', async () => {
    const made = response();
    await new Promise<void>(resolve => made.end('x', 'utf8', resolve));
    await expect(made.ended).resolves.toBe(false);
  });
});
