import { Observable } from 'rxjs';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Connections } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { RunningApp } from '../support/app.js';
import { Client, eventually } from '../support/client.js';
import { Gate } from '../support/gate.js';
import { startChild } from '../support/attacks/child-server.js';
import { startFanout, startPlain } from '../support/attacks/servers.js';

describe('A34 a client that makes a hook throw', () => {
  const paths = [
    ['handleConnection, at once', '/?throws'],
    ['handleConnection, later', '/?rejects'],
    ['handleDisconnect', '/?throws-at-the-end'],
  ] as const;

  /** Connects, and leaves where the server does not end it. */
  const attack = async (url: string, path: string) => {
    const client = await Client.connect(url + path);
    if (path === '/?throws-at-the-end') void client.close();
    return client.closed;
  };

  it.each(paths)('control: ends the whole process of WsAdapter (%s)', async (_, path) => {
    const server = await startChild({ kind: 'plain' });
    await attack(server.url, path);
    expect(await server.exited).toBe(1);
  });

  it('is closed, and nobody else is', async () => {
    const server = await startChild({ kind: 'fanout' });
    const bystander = await Client.connect(server.url);
    for (const [hook, path] of paths) {
      const { code } = await attack(server.url, path);
      expect(code, hook).toBe(path === '/?throws-at-the-end' ? 1005 : CLOSE.HOOK_FAILED.code);
      expect((await bystander.request('note')).event).toBe('noted');
    }
  });
});

describe('A35 a message before an asynchronous handleConnection has ended', () => {
  @WebSocketGateway()
  class Gateway {
    readonly authenticating = new Gate();
    readonly log: string[] = [];
    isAuthenticated = false;

    async handleConnection(): Promise<void> {
      this.log.push('authenticating');
      await this.authenticating.passed;
      this.isAuthenticated = true;
    }

    @SubscribeMessage('order')
    order(): string {
      this.log.push(this.isAuthenticated ? 'ordered' : 'ordered by a stranger');
      return 'accepted';
    }
  }

  /** Sends while the gateway still looks who it is. */
  const attack = async ({ url, get }: RunningApp) => {
    const client = await Client.connect(url);
    await eventually(() => get(Gateway).log.length > 0, 'handleConnection');
    client.send({ event: 'order' });
    return { client, gateway: get(Gateway) };
  };

  it('control: is handled by WsAdapter', async () => {
    const { gateway } = await attack(await startPlain({ providers: [Gateway] }));
    await eventually(() => gateway.log.length === 2, 'the order');
    expect(gateway.log).toEqual(['authenticating', 'ordered by a stranger']);
  });

  it('waits for it', async () => {
    const { client, gateway } = await attack(await startFanout({ providers: [Gateway] }));
    // Frames are answered in turn: with the pong the order has been read.
    const pong = new Promise(resolve => client.socket.once('pong', resolve));
    client.socket.ping();
    await pong;
    expect(gateway.log).toEqual(['authenticating']);
    gateway.authenticating.open();
    await client.until(() => client.frames.length === 1);
    expect(gateway.log).toEqual(['authenticating', 'ordered']);
  });

  it('is forgotten when it fails', async () => {
    const running = await startFanout({ providers: [Gateway] });
    const { client, gateway } = await attack(running);
    gateway.authenticating.break(new Error('a stranger'));
    expect(await client.closed).toEqual(CLOSE.HOOK_FAILED);
    await eventually(() => running.get(Connections).size === 0);
    expect(gateway.log).toEqual(['authenticating']);
  });
});

describe('A33 a client that leaves in the middle of an answer', () => {
  @WebSocketGateway()
  class Gateway {
    running = 0;

    @SubscribeMessage('watch')
    watch(@MessageBody() data: number): Observable<unknown> {
      return new Observable(subscriber => {
        this.running++;
        subscriber.next({ event: 'value', data });
        return () => void this.running--;
      });
    }
  }

  it.each([
    ['by a close', (client: Client) => client.socket.close()],
    ['by a reset', (client: Client) => client.socket.terminate()],
  ])('ends its Observables %s, and nobody else’s', async (_, leave) => {
    const { url, get } = await startFanout({ providers: [Gateway] });
    const [client, other] = [await Client.connect(url), await Client.connect(url)];
    for (let i = 0; i < 20; i++) client.send({ event: 'watch', data: i });
    other.send({ event: 'watch', data: 0 });
    await client.until(() => client.frames.length === 20);
    await other.until(() => other.frames.length === 1);
    expect(get(Gateway).running).toBe(21);
    leave(client);
    await eventually(() => get(Gateway).running === 1, 'the end of twenty');
  });
});
