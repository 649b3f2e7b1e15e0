import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { type Close, Connections, Topic } from 'nestjs-fanout';
import { Observable } from 'rxjs';
import { describe, expect, it, vi } from 'vitest';
import type { WebSocket } from 'ws';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

@WebSocketGateway()
class FarewellGateway {
  readonly ends: (Close | undefined)[] = [];
  readonly sockets: WebSocket[] = [];

  handleConnection(socket: WebSocket): void {
    this.sockets.push(socket);
  }

  handleDisconnect(socket: WebSocket, close?: any): void {
    expect(socket).toBe(this.sockets.at(-1));
    this.ends.push(close);
  }

  @SubscribeMessage('close me')
  closeMe(socket: WebSocket) {
    socket.close(4100, 'as you wish');
  }
}

type End = (client: Client, running: RunningApp) => unknown;

describe('handleDisconnect', () => {
  it.each<[string, End, Close]>([
    ['the client closes', client => client.socket.close(4100, 'bye'), { code: 4100, reason: 'bye' }],
    ['the client closes without a code', client => client.socket.close(), { code: 1005, reason: '' }],
    ['the client vanishes', client => client.socket.terminate(), { code: 1006, reason: '' }],
    [
      'its Connection is closed',
      (_, running) => [...running.get(Connections)][0]!.close(4200, 'enough'),
      { code: 4200, reason: 'enough' },
    ],
    [
      'a handler closes the socket',
      client => client.send({ event: 'close me' }),
      { code: 4100, reason: 'as you wish' },
    ],
    [
      'the socket is terminated',
      (_, running) => running.get(FarewellGateway).sockets[0]!.terminate(),
      { code: 1006, reason: '' },
    ],
  ])('is told code and reason when %s', async (_, end, close) => {
    const running = await startApp({ providers: [FarewellGateway] });
    const client = await Client.connect(running.url);
    await client.request('marker');
    await end(client, running);
    const { ends } = running.get(FarewellGateway);
    await eventually(() => ends.length > 0);
    expect(ends).toEqual([close]);
  });

  it('is told of a message that was too large', async () => {
    const running = await startApp({ providers: [FarewellGateway], options: { limits: { payload: 100 } } });
    const client = await Client.connect(running.url);
    client.send('x'.repeat(101));
    expect((await client.closed).code).toBe(1009);
    const { ends } = running.get(FarewellGateway);
    await eventually(() => ends.length > 0);
    expect(ends).toEqual([{ code: 1009, reason: '' }]);
  });

  it('comes after handleConnection, also when the client went first', async () => {
    const gate = new Gate();
    const steps: string[] = [];
    @WebSocketGateway()
    class SlowGateway {
      async handleConnection(): Promise<void> {
        steps.push('connecting');
        await gate.passed;
        steps.push('connected');
      }

      handleDisconnect(): void {
        steps.push('disconnected');
      }
    }
    const { url, get } = await startApp({ providers: [SlowGateway] });
    const client = await Client.connect(url);
    client.socket.terminate();
    await eventually(() => get(Connections).size === 0);
    expect(steps).toEqual(['connecting']);
    gate.open();
    await eventually(() => steps.includes('disconnected'));
    expect(steps).toEqual(['connecting', 'connected', 'disconnected']);
  });

  const fails: Record<string, () => unknown> = {
    'throws an Error': () => {
      throw new Error('SECRET');
    },
    'throws a WsException': () => {
      throw new WsException('SECRET');
    },
    rejects: () => Promise.reject(new Error('SECRET')),
    'rejects later with nothing': () => new Promise((_, reject) => setImmediate(reject)),
  };

  it.each(Object.entries(fails))('that %s harms nobody, and every other gateway is told', async (_, fail) => {
    const told = vi.fn();
    @WebSocketGateway()
    class FailingGateway {
      handleDisconnect(): unknown {
        return fail();
      }

      @SubscribeMessage('echo')
      echo(@MessageBody() data: unknown) {
        return data;
      }
    }
    @WebSocketGateway()
    class OtherGateway {
      handleDisconnect(): void {
        told();
      }
    }
    const { url, get } = await startApp({ providers: [FailingGateway, OtherGateway] });
    const [client, other] = [await Client.connect(url), await Client.connect(url)];
    await client.close();
    await eventually(() => told.mock.calls.length === 1);
    expect(get(Connections).size).toBe(1);
    expect((await other.request('echo', 'still here')).data).toBe('still here');
  });
});

describe('the end of a connection', () => {
  @WebSocketGateway()
  class StreamGateway {
    readonly ended: string[] = [];
    readonly handleDisconnect = vi.fn();

    @SubscribeMessage('stream')
    stream(@MessageBody() name: string) {
      return new Observable(subscriber => {
        subscriber.next({ event: 'started', data: name });
        return () => {
          this.ended.push(name);
          if (name === 'bad') throw new Error('of the teardown');
        };
      });
    }

    @Topic('source.:name')
    source() {
      return new Observable(() => () => {
        throw new Error('of the teardown');
      });
    }
  }

  it('ends the Observables its handlers returned, those whose teardown throws too', async () => {
    const { url, get } = await startApp({ providers: [StreamGateway] });
    const client = await Client.connect(url);
    for (const name of ['first', 'bad', 'last']) await client.request('stream', name);
    await client.close();
    await eventually(() => get(StreamGateway).ended.length === 3);
    expect(get(StreamGateway).ended).toEqual(['first', 'bad', 'last']);
    await eventually(() => get(Connections).size === 0);
  });

  it('is complete also when the source of a topic cannot be torn down', async () => {
    const { url, get } = await startApp({ providers: [StreamGateway] });
    const [client, other] = [await Client.connect(url), await Client.connect(url)];
    await client.subscribe('source.1');
    await client.request('unsubscribe', { topic: 'source.1' });
    await client.subscribe('source.2');
    await client.close();
    await eventually(() => get(Connections).size === 1);
    expect((await other.request('stream', 'x')).event).toBe('started');
  });
});
