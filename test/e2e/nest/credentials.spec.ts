import { SubscribeMessage, WebSocketGateway, type OnGatewayConnection } from '@nestjs/websockets';
import { CLOSE, Connections, FanoutMetrics, type FanoutOptions, UseHandshakeGuards } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { upgrade } from '../../support/upgrade.js';
import { type Claims, ClaimsGuard, tokenOf } from '../../support/claims.js';
import { Gate } from '../../support/gate.js';

const HOUR = 3_600_000;

@WebSocketGateway({ path: '/account' })
@UseHandshakeGuards(ClaimsGuard)
class AccountGateway {
  @SubscribeMessage('hello')
  hello() {
    return { event: 'hello' };
  }
}

const start = (options?: FanoutOptions): Promise<RunningApp> =>
  startApp({ providers: [AccountGateway], options });

const connect = (url: string, claims: Claims): Promise<Client> =>
  Client.connect(`${url}/account?access_token=${tokenOf(claims)}`);

const asked = (client: Client): any[] => client.frames.filter(({ event }) => event === 'refresh');

describe('Credentials that end', () => {
  it('close their connection then, and not before', async () => {
    const { url, get } = await start();
    const expiresAt = Date.now() + 700;
    const gone = await connect(url, { expiresAt });
    await gone.close();
    const client = await connect(url, { expiresAt });
    expect(await client.closed).toEqual(CLOSE.EXPIRED);
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt);
    await eventually(() => get(Connections).size === 0);
    expect(get(FanoutMetrics).rejected.expired).toBe(1);
  });

  it.each([
    ['on the request', (at: number) => ({ expiresAt: at, userExpiresAt: at + HOUR })],
    ['on the user', (at: number) => ({ expiresAt: at + HOUR, userExpiresAt: at })],
    ['as a Date', (at: number) => ({ expiresAt: new Date(at).toISOString() })],
  ])('are told to the client, the earliest of them: %s', async (_, claims) => {
    const { url } = await start({ handshake: { renewBefore: 2 * HOUR } });
    const expiresAt = Date.now() + HOUR;
    const client = await connect(url, claims(expiresAt));
    expect(await client.next(({ event }) => event === 'refresh')).toEqual({
      event: 'refresh',
      data: { expiresAt },
    });
  });

  it('are renewed renewBefore ms before, and then the connection stays', async () => {
    const { url } = await start({ handshake: { renewBefore: 1000 } });
    const expiresAt = Date.now() + 1300;
    const [client, other] = [await connect(url, { expiresAt }), await connect(url, { expiresAt })];
    expect(asked(client)).toEqual([]);
    await client.next(({ event }) => event === 'refresh');
    expect(Date.now()).toBeGreaterThanOrEqual(expiresAt - 1000);
    const later = Date.now() + HOUR;
    const answer = await client.request('refresh', { token: tokenOf({ expiresAt: later }) });
    expect(answer).toEqual({ event: 'refreshed', id: 1, data: { expiresAt: later } });
    await other.closed;
    expect(await client.request('hello')).toMatchObject({ event: 'hello' });
    expect(asked(client)).toHaveLength(1);
  });

  it('may have no end after a renewal', async () => {
    const { url } = await start();
    const expiresAt = Date.now() + 500;
    const [client, other] = [await connect(url, { expiresAt }), await connect(url, { expiresAt })];
    const answer = await client.request('refresh', { token: tokenOf({}) });
    expect(answer).toEqual({ event: 'refreshed', id: 1, data: {} });
    await other.closed;
    expect(await client.request('hello')).toMatchObject({ event: 'hello' });
  });

  it('that are over already are refused with 401', async () => {
    const { url } = await start();
    for (const claims of [
      { expiresAt: Date.now() - 1 },
      { expiresAt: 0 },
      { userExpiresAt: 1_700_000_000 },
    ]) {
      const answer = await upgrade(`${url}/account?access_token=${tokenOf(claims)}`);
      expect(answer).toMatchObject({ status: 401, body: '{"statusCode":401,"message":"Unauthorized"}' });
    }
  });

  it.each([[{ expiresAt: 'no date' }], [{ userExpiresAt: '2099-01-01' }], [{ expiresAt: {} }]])(
    'that cannot be read let nobody in: %j',
    async claims => {
      const { url } = await start();
      expect(await upgrade(`${url}/account?access_token=${tokenOf(claims)}`)).toMatchObject({ status: 500 });
    },
  );

  it('wait for years without a thought', async () => {
    const { url } = await start();
    const client = await connect(url, { expiresAt: Date.now() + 50 * 365 * 24 * HOUR, userExpiresAt: null });
    const other = await connect(url, { expiresAt: Date.now() + 300 });
    await other.closed;
    expect(await client.request('hello')).toMatchObject({ event: 'hello' });
    expect(asked(client)).toEqual([]);
  });

  it('end a connection that is not ready, and are asked for again only when it is', async () => {
    const gate = new Gate();
    @WebSocketGateway({ path: '/account' })
    @UseHandshakeGuards(ClaimsGuard)
    class HookGateway implements OnGatewayConnection {
      async handleConnection() {
        await gate.passed;
      }
    }
    const { url } = await startApp({ providers: [HookGateway] });
    const long = await connect(url, { expiresAt: Date.now() + 20_000 });
    const short = await connect(url, { expiresAt: Date.now() + 300 });
    expect(await short.closed).toEqual(CLOSE.EXPIRED);
    expect([asked(short), asked(long)]).toEqual([[], []]);
    gate.open();
    await long.next(({ event }) => event === 'refresh');
  });
});
