import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import { askVerifyClients } from '../../../../lib/gateway/handshake/verify-client.js';
import type { VerifyClient } from '../../../../lib/gateway/nest/gateway-options.js';

const request = (socket: object = {}): IncomingMessage =>
  ({ headers: { origin: 'https://example.com' }, socket }) as IncomingMessage;

const ask = (all: readonly VerifyClient[]): unknown => askVerifyClients(all, request());

/** The refusal of functions that throw or reject. */
async function refusedBy(...all: VerifyClient[]): Promise<unknown> {
  try {
    await ask(all);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('askVerifyClients', () => {
  it('admits at once without a function, and with functions that answer true', () => {
    expect(ask([])).toBeUndefined();
    expect(ask([() => true, () => 1])).toBeUndefined();
  });

  it('tells a function the origin and whether the connection is secure', () => {
    const seen: unknown[] = [];
    const note: VerifyClient = ({ origin, secure }) => seen.push([origin, secure]);
    void askVerifyClients([note], request());
    void askVerifyClients([note], request({ encrypted: true }));
    expect(seen).toEqual([
      ['https://example.com', false],
      ['https://example.com', true],
    ]);
  });

  it.each<[string, VerifyClient]>([
    ['false', () => false],
    ['nothing', () => undefined],
    ['a promise of false', async () => false],
    ['false through the second parameter', (_info, done) => done!(false)],
  ])('refuses with 401 when a function answers %s', async (_, verifyClient) => {
    expect(await refusedBy(verifyClient)).toMatchObject({ status: 401, cause: 'unauthorized' });
  });

  it('refuses with the code, the text and the headers of a function', async () => {
    const refusal = await refusedBy((_info, done) => done!(false, 418, 'teapot', { 'X-Why': 'tea' }));
    expect(refusal).toMatchObject({
      status: 418,
      body: 'teapot',
      headers: { 'X-Why': 'tea', 'Content-Type': 'text/html' },
    });
  });

  it('asks every function, in order, until one refuses', async () => {
    const asked: string[] = [];
    const all: VerifyClient[] = [
      () => asked.push('first'),
      async () => asked.push('second'),
      (_info, done) => {
        asked.push('third');
        done!(false);
      },
      () => asked.push('fourth'),
    ];
    expect(await refusedBy(...all)).toMatchObject({ status: 401 });
    expect(asked).toEqual(['first', 'second', 'third']);
  });

  it('does not admit a client when a function fails', async () => {
    const broken = new Error('broken');
    expect(await refusedBy(async () => Promise.reject(broken))).toBe(broken);
    expect(await refusedBy(async (_info, _done) => Promise.reject(broken))).toBe(broken);
    expect(() =>
      ask([
        () => {
          throw broken;
        },
      ]),
    ).toThrow(broken);
  });
});
