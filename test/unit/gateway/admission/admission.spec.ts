import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Admission } from '../../../../lib/gateway/admission/admission.js';
import { AdmissionRates } from '../../../../lib/limits/admission-rates.js';
import { AdmissionSlots } from '../../../../lib/limits/admission-slots.js';
import { AdmissionUsers } from '../../../../lib/gateway/admission/admission-users.js';
import type { Arrival, Credentials } from '../../../../lib/gateway/handshake/arrival.js';
import { Bans } from '../../../../lib/limits/bans.js';
import { ClientAddresses } from '../../../../lib/gateway/admission/client-address.js';
import { Endpoint } from '../../../../lib/gateway/handshake/endpoint.js';
import { EndpointServer } from '../../../../lib/gateway/handshake/endpoint-server.js';
import { OriginCheck } from '../../../../lib/gateway/admission/origin-check.js';
import { NO_PARAMS } from '../../../../lib/gateway/admission/path-pattern.js';
import { UpgradeRefuser } from '../../../../lib/gateway/admission/upgrade-refuser.js';
import { UpgradeRefusal } from '../../../../lib/gateway/handshake/upgrade-refusal.js';
import { CLOSE } from '../../../../lib/errors/close-codes.js';
import { Preflight } from '../../../../lib/observe/preflight.js';
import { Protocols } from '../../../../lib/protocol/protocols.js';
import { Rejections } from '../../../../lib/observe/rejections.js';
import type { Overload } from '../../../../lib/observe/load.js';
import type { FanoutOptions } from '../../../../lib/options/fanout-options.js';
import { resolveOptions } from '../../../../lib/options/resolve-options.js';
import { processClock } from '../../../../lib/time/process-clock.js';
import { Client } from '../../../support/client.js';
import { RawUpgrade } from '../../../support/raw-upgrade.js';

type Check = (arrival: Arrival) => Promise<Credentials> | undefined;

/** Admission on a real HTTP server, with guards, load and users that the test sets. */
async function admission(given: FanoutOptions, check: Check = () => undefined) {
  const options = resolveOptions(given);
  const rejections = new Rejections(() => 0, { warn() {} });
  const slots = new AdmissionSlots(options.limits);
  const refuser = new UpgradeRefuser(rejections, new Protocols(), processClock);
  const load: { overload: Overload | undefined } = { overload: undefined };
  const opened: (Credentials | undefined)[] = [];
  const here = new Map<string, { open: boolean }[]>();
  const registry = { ofUser: (id: string) => here.get(id) ?? [] };
  const addresses = new ClientAddresses(options.trustProxy);
  const bans = new Bans(options.limits.banTime, () => 1000);
  const gate = new Admission({
    options,
    load,
    bans,
    slots,
    rates: new AdmissionRates(options.limits, () => 1000),
    users: new AdmissionUsers(options.limits.connectionsPerUser, registry as never, rejections),
    origins: new OriginCheck(options.origins, addresses),
    guards: { check },
    preflight: new Preflight(options, { warn() {} }),
    refuser,
    clock: processClock,
    errors: { error() {} },
    refusals: { error() {} },
    open: (arrival, client, credentials) => {
      opened.push(credentials);
      client.on('close', () => slots.give(arrival.ip));
    },
  });
  gate.open();
  const endpoint = new Endpoint(0, '/', new EndpointServer({ noServer: true }), false);
  const server = createServer();
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
    gate.admit({ endpoint, request, socket, head, ip: addresses.of(request), params: NO_PARAMS }),
  );
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    refuser.stop();
    for (const client of endpoint.server.clients) client.terminate();
    server.close();
  });
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const refusal = async () => {
    const upgrade = await RawUpgrade.to(url);
    await upgrade.closed;
    return upgrade;
  };
  return { gate, url, slots, load, bans, here, opened, rejections, refusal };
}

const known =
  (user: unknown): Check =>
  () =>
    Promise.resolve({ user, expiresAt: undefined });

describe('Admission', () => {
  describe('#admit', () => {
    it('hands on what the guards said', async () => {
      const { url, opened, slots } = await admission({}, known({ id: 7 }));
      await Client.connect(url);
      expect(opened).toEqual([{ user: { id: 7 }, expiresAt: undefined }]);
      expect(slots.size).toBe(1);
    });

    it('refuses with what a guard threw, its headers and its body', async () => {
      const headers = { 'WWW-Authenticate': ['Bearer', 'Basic'], 'Content-Length': '99' };
      const { refusal, slots, rejections } = await admission({}, () =>
        Promise.reject(new UpgradeRefusal(401, 'unauthorized', { headers, body: '{"a":"é"}' })),
      );
      expect((await refusal()).text.split('\r\n')).toEqual([
        'HTTP/1.1 401 Unauthorized',
        'Connection: close',
        'Content-Type: application/json; charset=utf-8',
        'WWW-Authenticate: Bearer',
        'WWW-Authenticate: Basic',
        'Content-Length: 10',
        '',
        Buffer.from('{"a":"é"}').toString('latin1'),
      ]);
      expect(slots.size).toBe(0);
      expect(rejections.counts.unauthorized).toBe(1);
    });

    it('answers by HTTP what has no close, whatever is offered', async () => {
      const { url } = await admission({}, () => Promise.reject(new UpgradeRefusal(418, 'guard')));
      await expect(Client.connect(url, ['fanout.v1.json'])).rejects.toThrow('418');
    });

    it.each([
      ['throws', () => assertFailed()],
      ['rejects', async () => assertFailed()],
    ])('answers 500 when a guard %s something else', async (_, check) => {
      const { refusal, slots, url } = await admission({}, check as never);
      expect((await refusal()).status).toBe(500);
      expect(await (await Client.connect(url, ['fanout.v1.json'])).closed).toEqual(CLOSE.HOOK_FAILED);
      expect(slots.size).toBe(0);
    });

    it('refuses a user who has limits.connectionsPerUser open ones before the 101', async () => {
      const { refusal, here, url, rejections, slots } = await admission(
        { limits: { connectionsPerUser: 2 } },
        known({ sub: 'ann' }),
      );
      const present = [{ open: true }, { open: true }, { open: false }];
      here.set('ann', present);
      const refused = await refusal();
      expect([refused.status, Number(refused.header('retry-after')) > 0]).toEqual([429, true]);
      expect(await (await Client.connect(url, ['fanout.v1.json'])).closed).toEqual(CLOSE.RATE_LIMITED);
      expect([rejections.counts['connections-per-user'], slots.size]).toEqual([2, 0]);
      present.pop();
      present[0]!.open = false;
      await Client.connect(url);
    });

    it('says to who is banned when it may come back, before anything is asked or counted', async () => {
      const { refusal, bans, url, rejections, opened } = await admission(
        { limits: { banTime: 90_500 } },
        () => {
          throw new Error('asked');
        },
      );
      bans.add('127.0.0.1');
      const refused = await refusal();
      expect([refused.status, refused.header('retry-after')]).toEqual([429, '91']);
      const { code, reason } = await (await Client.connect(url, ['fanout.v1.json'])).closed;
      expect([code, reason]).toEqual([CLOSE.BANNED.code, `${CLOSE.BANNED.reason}; retry-after=90500`]);
      expect([rejections.counts.banned, opened]).toEqual([2, []]);
    });

    it.each(['loop-delay', 'heap'] as const)('refuses new ones under load: %s', async overload => {
      const { refusal, load, url, rejections } = await admission({});
      load.overload = overload;
      expect((await refusal()).status).toBe(503);
      expect(rejections.counts[overload]).toBe(1);
      load.overload = undefined;
      await Client.connect(url);
    });

    it('asks no guard about who is refused anyhow', async () => {
      let asked = 0;
      const { refusal, gate } = await admission({ limits: { connectionsPerSecond: 1 } }, () => {
        asked++;
        return Promise.reject(new UpgradeRefusal(401, 'unauthorized'));
      });
      const statuses = [await refusal(), await refusal(), await refusal()].map(({ status }) => status);
      expect(statuses).toEqual([401, 401, 503]);
      gate.close();
      await refusal();
      expect(asked).toBe(2);
    });
  });
});

function assertFailed(): never {
  throw new Error('guard failed');
}
