import { beforeEach, describe, expect, it } from 'vitest';
import { Refreshes } from '../../../../lib/gateway/messages/refreshes.js';
import { UpgradeRefusal } from '../../../../lib/gateway/handshake/upgrade-refusal.js';
import { GatewayClient, settled } from '../../../support/unit/gateway-client.js';

const HANDSHAKE_MS = 5000;

let client: GatewayClient;
let refreshes: Refreshes;
let mayRefresh: boolean;
let tokens: string[];
let renewed: unknown[];
let reviews: number;
let ask: (token: string) => unknown;

beforeEach(() => {
  client = new GatewayClient([]);
  mayRefresh = true;
  tokens = [];
  renewed = [];
  reviews = 0;
  ask = () => ({ user: undefined, expiresAt: 123 });
  refreshes = new Refreshes({
    gate: {
      ask: async (_: unknown, request: { headers: Record<string, string> }) => {
        const token = request.headers['authorization']!;
        tokens.push(token);
        return ask(token);
      },
    } as never,
    expiries: { renew: (_: unknown, expiresAt: unknown) => renewed.push(expiresAt) } as never,
    review: { run: async () => void reviews++ } as never,
    handshakeMs: HANDSHAKE_MS,
    usage: { mayRefresh: () => mayRefresh } as never,
    clock: client.core.clock,
    answers: client.answers,
  });
});

async function refresh(data: unknown, id = 1): Promise<any> {
  await refreshes.refresh(client.session, { kind: 'refresh', event: 'refresh', id, data });
  return client.frames().at(-1);
}

describe('Refreshes.refresh()', () => {
  it('asks the guards about the token, reviews the topics, and answers with the new end', async () => {
    expect(await refresh({ token: 'abc' })).toMatchObject({
      event: 'refreshed',
      id: 1,
      data: { expiresAt: 123 },
    });
    expect(tokens).toEqual(['Bearer abc']);
    expect([renewed, reviews, client.session.renewals]).toEqual([[123], 1, 1]);
  });

  it.each([
    ['no data', undefined],
    ['null', null],
    ['no token', {}],
    ['an empty token', { token: '' }],
    ['a number', { token: 5 }],
    ['a token of 8193 bytes', { token: 'x'.repeat(8193) }],
  ])('refuses %s without asking', async (_, data) => {
    expect((await refresh(data)).data.code).toBe('BAD_TOKEN');
    expect(tokens).toEqual([]);
  });

  it('counts too many against the client', async () => {
    mayRefresh = false;
    expect((await refresh({ token: 'abc' })).data.code).toBe('RATE_LIMITED');
    expect(client.refused).toEqual(['refresh-rate']);
  });

  it.each([
    [401, 'UNAUTHORIZED', ['denied']],
    [403, 'FORBIDDEN', ['denied']],
    [429, 'RATE_LIMITED', ['denied']],
    [500, 'INTERNAL', []],
    [503, 'BUSY', []],
  ])('answers the status %d with %s, and nothing changes', async (status, code, counted) => {
    ask = () => {
      throw new UpgradeRefusal(status, 'denied');
    };
    expect((await refresh({ token: 'abc' })).data.code).toBe(code);
    expect([client.refused, renewed, client.session.renewals]).toEqual([counted, [], 0]);
  });

  it('refuses credentials of another user', async () => {
    client.peer.connection.user = { id: 1 } as never;
    ask = () => ({ user: { id: 2 }, expiresAt: 5 });
    expect((await refresh({ token: 'abc' })).data.code).toBe('FORBIDDEN');
    expect(client.peer.connection.user).toEqual({ id: 1 });
  });

  it('answers BUSY when the guards take too long', async () => {
    ask = () => new Promise(() => {});
    const answer = refresh({ token: 'abc' });
    await settled();
    client.core.clock.advance(HANDSHAKE_MS);
    expect((await answer).data.code).toBe('BUSY');
  });

  it('decides one after the other, so that the later credentials count', async () => {
    const decide: (() => void)[] = [];
    ask = token => new Promise(resolve => decide.push(() => resolve({ user: undefined, expiresAt: token })));
    const both = [refresh({ token: 'one' }, 1), refresh({ token: 'two' }, 2)];
    await settled();
    expect(tokens).toEqual(['Bearer one']);
    decide[0]!();
    await settled();
    decide[1]!();
    await Promise.all(both);
    expect(renewed).toEqual(['Bearer one', 'Bearer two']);
  });

  it('answers nobody who has left', async () => {
    ask = () => {
      client.peer.connection.close(1000);
      return { user: undefined, expiresAt: 1 };
    };
    expect(await refresh({ token: 'abc' })).toBeUndefined();
    expect(renewed).toEqual([]);
  });
});
