import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OwnServers } from '../../../../lib/gateway/nest/own-servers.js';

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const started = (): OwnServers => {
  const servers = new OwnServers(5000);
  onTestFinished(() => servers.stop());
  return servers;
};

describe('OwnServers', () => {
  it('has one server for a port, which listens as configured', async () => {
    const servers = started();
    const port = await freePort();
    const server = servers.at(port);
    expect(servers.at(port)).toBe(server);
    servers.configure(port, { host: '127.0.0.1', backlog: 7 });
    expect(servers.backlog).toBe(7);
    await servers.listen((_, error) => error);
    expect(server.address()).toMatchObject({ port, address: '127.0.0.1' });
  });

  it('asks for an upgrade in answer to any other request', async () => {
    const servers = started();
    const port = await freePort();
    servers.at(port);
    await servers.listen((_, error) => error);
    const response = await fetch(`http://127.0.0.1:${port}/`);
    expect([response.status, response.headers.get('upgrade')]).toEqual([426, 'websocket']);
  });

  it('rejects with the error made for a port that is taken', async () => {
    const port = await freePort();
    const taken = createServer().listen(port);
    onTestFinished(() => void taken.close());
    await once(taken, 'listening');
    const servers = started();
    servers.at(port);
    await expect(servers.listen((at, { message }) => new Error(`${at}: ${message}`))).rejects.toThrow(
      `${port}: listen EADDRINUSE`,
    );
  });

  it('ends connections without a request when it stops', async () => {
    const servers = new OwnServers(5000);
    const port = await freePort();
    servers.at(port);
    await servers.listen((_, error) => error);
    const client = connect(port, '127.0.0.1').on('error', () => {});
    await once(client, 'connect');
    const closed = once(client, 'close');
    await servers.stop();
    await closed;
    expect(servers.backlog).toBe(0);
  });
});
