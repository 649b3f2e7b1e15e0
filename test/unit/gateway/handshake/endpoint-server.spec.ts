import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, describe, it, onTestFinished } from 'vitest';
import { type ServerOptions, WebSocket } from 'ws';
import { EndpointServer } from '../../../../lib/gateway/handshake/endpoint-server.js';

/** A server on a real port whose clients are adopted, and forgotten when they close. */
async function start(options: ServerOptions = {}) {
  const server = new EndpointServer({ ...options, noServer: true });
  const http = createServer();
  http.on('upgrade', (request, socket, head) =>
    server.handleUpgrade(request, socket, head, client => {
      server.adopt(client);
      client.on('close', () => server.forget(client));
      server.emit('connection', client);
    }),
  );
  onTestFinished(() => void http.close());
  await new Promise<void>(resolve => http.listen(0, '127.0.0.1', resolve));
  const connect = async () => {
    const socket = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
    socket.on('error', () => {});
    onTestFinished(() => socket.terminate());
    const [[client]] = await Promise.all([once(server, 'connection'), once(socket, 'open')]);
    return { socket, client: client as WebSocket };
  };
  return { server, connect };
}

describe('EndpointServer', () => {
  it('knows its clients as ws does, without a listener for each', async () => {
    const { server, connect } = await start();
    const [one, two] = [await connect(), await connect()];
    expect(server.clients).toEqual(new Set([one.client, two.client]));
    expect(one.client.listenerCount('close')).toBe(1);
    one.socket.close();
    await once(one.client, 'close');
    expect(server.clients).toEqual(new Set([two.client]));
  });

  it('leaves the listeners of a socket class alone', async () => {
    let heard = 0;
    class Listening extends WebSocket {
      constructor(...args: ConstructorParameters<typeof WebSocket>) {
        super(...args);
        this.on('close', () => heard++);
      }
    }
    for (const clientTracking of [true, false]) {
      const { server, connect } = await start({ clientTracking, WebSocket: Listening as never });
      const { socket, client } = await connect();
      socket.close();
      await once(client, 'close');
      expect(server.clients?.size).toBe(clientTracking ? 0 : undefined);
    }
    expect(heard).toBe(2);
  });

  describe('#close', () => {
    it('ends at once when there is no client', async () => {
      const { server, connect } = await start();
      const { socket, client } = await connect();
      socket.close();
      await once(client, 'close');
      await new Promise(resolve => server.close(resolve));
    });

    it('ends with the last client, once, and refuses new ones meanwhile', async () => {
      const { server, connect } = await start();
      const [one, two] = [await connect(), await connect()];
      let ends = 0;
      server.on('close', () => ends++);
      const closed = new Promise(resolve => server.close(resolve));
      one.socket.close();
      await once(one.client, 'close');
      const late = new WebSocket(two.socket.url);
      const [error] = (await once(late, 'error')) as [Error];
      expect(error.message).toContain('503');
      expect(ends).toBe(0);
      two.socket.close();
      expect(await closed).toBeUndefined();
      expect(ends).toBe(1);
    });

    it('says that it is closed, as ws does, when it is called again', async () => {
      const { server, connect } = await start();
      const { socket } = await connect();
      const closed = new Promise(resolve => server.close(resolve));
      socket.close();
      await closed;
      const again = await new Promise<Error | undefined>(resolve => server.close(resolve));
      expect(again?.message).toBe('The server is not running');
    });
  });
});
