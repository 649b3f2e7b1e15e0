import { UnauthorizedException } from '@nestjs/common';
import { beforeEach, describe, expect, it } from 'vitest';
import { HandshakeGate } from '../../../../lib/gateway/handshake/handshake-gate.js';
import type { HandshakeRequest } from '../../../../lib/gateway/session/handshake-request.js';
import type { HandshakeResponse } from '../../../../lib/gateway/session/handshake-response.js';

type Admit = (request: HandshakeRequest, response: HandshakeResponse) => Promise<boolean>;

let logged: unknown[];

beforeEach(() => {
  logged = [];
});

const NOW = 1000;

/** The result of asking guards, or the refusal. */
async function ask(...all: Admit[]): Promise<any> {
  const gate = new HandshakeGate(() => NOW, { error: (error: unknown) => void logged.push(error) } as never);
  const request = { method: 'GET', headers: {} } as HandshakeRequest;
  const handshakeGuards = all.map(admit => ({ admit }));
  return gate.ask({ handshakeGuards } as never, request).catch((refusal: unknown) => refusal);
}

const leaving =
  (values: object): Admit =>
  async request => {
    Object.assign(request, values);
    return true;
  };

describe('HandshakeGate', () => {
  it('asks nobody on a path without guards', () => {
    const gate = new HandshakeGate(() => NOW, {} as never);
    expect(gate.check({ endpoint: { handshakeGuards: [] } } as never)).toBeUndefined();
  });

  it('has the user that the guards of all gateways left, and the earliest end', async () => {
    expect(await ask(leaving({ user: 'ann', expiresAt: 3000 }))).toEqual({ user: 'ann', expiresAt: 3000 });
    const user = { id: 'ann', expiresAt: new Date(2000) };
    expect(await ask(leaving({ user }), leaving({ expiresAt: 3000 }))).toEqual({ user, expiresAt: 2000 });
    expect(await ask(leaving({ user: 'ann' }))).toEqual({ user: 'ann', expiresAt: undefined });
  });

  it('refuses when one of the guards does, and asks no later one', async () => {
    let later = 0;
    const refusal = await ask(
      async () => true,
      async () => false,
      async () => ++later > 0,
    );
    expect(refusal).toMatchObject({ status: 403, cause: 'forbidden' });
    expect([later, logged]).toEqual([0, []]);
  });

  it('refuses as soon as a guard has answered by itself, though it never returns', async () => {
    const refusal = await ask((_, response) => {
      response.status(402).end('pay');
      return new Promise(() => {});
    });
    expect(refusal).toMatchObject({ status: 402, body: 'pay' });
  });

  it('refuses with the exception of a guard, and logs no such exception', async () => {
    expect(await ask(async () => Promise.reject(new UnauthorizedException()))).toMatchObject({ status: 401 });
    expect(logged).toEqual([]);
  });

  it('refuses with 500 when a guard fails, and logs the error', async () => {
    const broken = new Error('broken');
    const refusal = await ask(async () => Promise.reject(broken));
    expect(refusal).toMatchObject({ status: 500 });
    expect(refusal.body).not.toContain('broken');
    expect(logged).toEqual([broken]);
  });

  it('refuses credentials that have expired', async () => {
    expect(await ask(leaving({ user: 'ann', expiresAt: NOW }))).toMatchObject({
      status: 401,
      cause: 'expired',
    });
  });

  it.each(['tomorrow', Number.NaN, {}])('refuses an end that is no time: %o', async expiresAt => {
    expect(await ask(leaving({ expiresAt }))).toMatchObject({ status: 500 });
    expect(logged).toHaveLength(1);
  });
});
