import type { IncomingMessage } from 'node:http';
import type { ExecutionContext } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Connections, UseHandshakeGuards } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { upgradeStatus } from '../support/attacks/raw-request.js';
import { startFanout } from '../support/attacks/servers.js';

type PathRequest = IncomingMessage & { params: Record<string, string> };

/** Lets in who has the key. */
const KeyGuard = {
  canActivate: (context: ExecutionContext) =>
    context.switchToHttp().getRequest<PathRequest>().headers.authorization === 'Bearer key',
};

/** The guard anybody would write: it reads the room from the path. */
const RoomGuard = {
  canActivate: (context: ExecutionContext) =>
    context.switchToHttp().getRequest<PathRequest>().params.room !== 'secret',
};

@WebSocketGateway({ path: '/public' })
class Public {}

@WebSocketGateway({ path: '/admin' })
@UseHandshakeGuards(KeyGuard)
class Admin {}

@WebSocketGateway({ path: '/rooms/:room' })
@UseHandshakeGuards(RoomGuard)
class Rooms {}

async function start() {
  const { url, get } = await startFanout({ providers: [Public, Admin, Rooms] });
  return { url, connections: get(Connections) };
}

/** Ways to write the path `/admin` that some server or proxy takes for it. */
const AS_ADMIN = [
  '/admin /admin/ /admin? /admin?public /admin# /admin/?/public /admin#/public',
  '/ADMIN /Admin /%61dmin /adm%69n /%2561dmin /ad%6Din /admin%20 /admin%00 /admin%0a',
  '//admin ///admin /admin// /./admin /admin/. /admin/./ /x/../admin /public/../admin',
  '/public/%2e%2e/admin /public/..%2fadmin /public/..%5cadmin /public%2f..%2fadmin /..;/admin',
  '/admin; /admin;x=1 /;/admin /public;/../admin /admin. /admin.json /admin/index.html',
  '/admin\\ \\admin /\\admin admin http://127.0.0.1/admin ws://127.0.0.1/admin //127.0.0.1/admin',
  '/admin%2f /%2fadmin /admin%3f /admin%23 /%e0%80%af/admin /public?/../admin /public#/../admin',
].flatMap(targets => targets.split(' '));

describe('A32 tricks with the path of a guarded gateway', () => {
  it('reach it only through its guard', async () => {
    const { url, connections } = await start();
    for (const target of AS_ADMIN) {
      const status = await upgradeStatus(url, target);
      // The public gateway may be reached, which is what these ask for.
      const isPublic = target.startsWith('/public?') || target.startsWith('/public#');
      if (isPublic) expect(status, target).toBe(101);
      else expect([400, 403, 404], target).toContain(status);
    }
    for (const { handshake } of connections) expect(handshake.path).toMatch(/^\/public/);
    const admitted = await upgradeStatus(url, '/admin', { Authorization: 'Bearer key' });
    expect(admitted).toBe(101);
  });

  it('give the guard the room that the gateway gets', async () => {
    const { url, connections } = await start();
    const segments = [
      '',
      'secret %73ecret s%65cret %73%65%63%72%65%74 secret/ secret?room=open secret#open',
      'open/../secret open%2f..%2fsecret open%2fsecret ..%2fsecret .%2fsecret %2e/secret',
      '/ . .. %2e%2e %5c a%5cb %00 a%00b %zz % %ff a//b a%0ab é',
    ].flatMap(texts => texts.split(' '));
    for (const segment of segments) {
      expect([400, 403, 404], segment).toContain(await upgradeStatus(url, `/rooms/${segment}`));
    }
    const others = [
      'open',
      'Secret',
      'secret.',
      'secret;x',
      '%2573ecret',
      '%C3%A9',
      'constructor',
      '__proto__',
    ];
    for (const segment of others) {
      expect(await upgradeStatus(url, `/rooms/${segment}`), segment).toBe(101);
    }
    const rooms = [...connections].map(({ handshake }) => handshake.params.room);
    expect(rooms).toEqual([
      'open',
      'Secret',
      'secret.',
      'secret;x',
      '%73ecret',
      'é',
      'constructor',
      '__proto__',
    ]);
  });
});
