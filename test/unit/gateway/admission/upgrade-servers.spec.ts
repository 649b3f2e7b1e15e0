import { Server, ServerResponse } from 'node:http';
import { describe, expect, it } from 'vitest';
import { UpgradeServers } from '../../../../lib/gateway/admission/upgrade-servers.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

const servers = (): UpgradeServers => new UpgradeServers({ clock: new HandClock() } as never);

const listeners = (server: Server): number =>
  server.listenerCount('upgrade') + server.listenerCount('request');

/** The header `Connection` of an answer of the server. */
function connectionHeader(server: Server): unknown {
  const request = { method: 'GET', httpVersionMajor: 1, httpVersionMinor: 1 };
  const response = new ServerResponse(request as never);
  server.emit('request', request, response);
  return response.getHeader('connection');
}

describe('UpgradeServers', () => {
  it('has one router for a server, which listens to its upgrades', () => {
    const all = servers();
    const server = new Server();
    const router = all.routerOf(server);
    expect(all.routerOf(server)).toBe(router);
    expect(all.routerOf(new Server())).not.toBe(router);
    expect([all.size, server.listenerCount('upgrade')]).toEqual([2, 1]);
  });

  it('ends connections behind their answers from the beginning of a shutdown on', () => {
    const all = servers();
    const server = new Server();
    all.routerOf(server);
    expect(connectionHeader(server)).toBeUndefined();
    all.retire();
    expect(connectionHeader(server)).toBe('close');
  });

  it('gives a server back as it was', () => {
    const all = servers();
    const server = new Server();
    const before = [listeners(server), server.keepAliveTimeout];
    all.routerOf(server);
    all.retire();
    all.closing(1000);
    expect([listeners(server), server.keepAliveTimeout]).not.toEqual(before);
    all.release();
    expect([listeners(server), server.keepAliveTimeout]).toEqual(before);
    expect(all.size).toBe(0);
  });
});
