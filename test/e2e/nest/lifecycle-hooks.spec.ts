import {
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WebSocketServer,
  WsException,
} from '@nestjs/websockets';
import { CLOSE, Connections, Topic } from 'nestjs-fanout';
import { Observable } from 'rxjs';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { WebSocketServer as WsServer } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from './gate.js';

/** A gateway whose hook waits for the gate, and that remembers what reached its handler. */
function gatedGateway() {
  const gate = new Gate();
  @WebSocketGateway()
  class GatedGateway {
    @WebSocketServer()
    readonly server!: WsServer;
    readonly handled: number[] = [];

    handleConnection(): Promise<void> {
      return gate.passed;
    }

    @SubscribeMessage('count')
    count(@MessageBody() data: number) {
      this.handled.push(data);
      return { event: 'count', data };
    }
  }
  return { gate, GatedGateway };
}

/** Sends so much that the server holds the socket back: what it has read by then waits for the gate. */
async function sendUntilPaused(client: Client, server: WsServer, count: number): Promise<void> {
  for (let data = 1; data <= count; data++) client.send({ event: 'count', data });
  await eventually(() => [...server.clients].some(socket => socket.isPaused), 'pause');
}

describe('handleConnection', () => {
  const thrown = {
    'an Error': new Error('SECRET'),
    'a WsException': new WsException('SECRET'),
    nothing: undefined,
  };
  const failures = Object.entries(thrown).flatMap(([what, error]) => [
    [
      `throws ${what}`,
      () => {
        throw error;
      },
    ] as const,
    [`rejects with ${what}`, () => Promise.reject(error)] as const,
    [`rejects later with ${what}`, () => new Promise((_, reject) => setImmediate(reject, error))] as const,
  ]);

  it.each(failures)('that %s closes that connection with 1011, and no other suffers', async (_, fail) => {
    let fails = false;
    @WebSocketGateway()
    class FailingGateway {
      handleConnection(): unknown {
        return fails ? fail() : undefined;
      }

      @SubscribeMessage('echo')
      echo(@MessageBody() data: unknown) {
        return data;
      }
    }
    const { url, get } = await startApp({ providers: [FailingGateway] });
    const other = await Client.connect(url);
    await other.request('echo', 'before');
    fails = true;
    const refused = await Client.connect(url);
    refused.send({ event: 'echo', data: 'never handled' });
    expect(await refused.closed).toEqual(CLOSE.HOOK_FAILED);
    expect(refused.frames).toEqual([]);
    expect((await other.request('echo', 'after')).data).toBe('after');
    await eventually(() => get(Connections).size === 1);
  });

  it('may be a property of the instance', async () => {
    const handleConnection = vi.fn();
    const handleDisconnect = vi.fn();
    @WebSocketGateway()
    class ArrowGateway {
      handleConnection = handleConnection;
      handleDisconnect = handleDisconnect;
    }
    const { url } = await startApp({ providers: [ArrowGateway] });
    const client = await Client.connect(url);
    await client.request('marker');
    expect(handleConnection).toHaveBeenCalledTimes(1);
    await client.close();
    await eventually(() => handleDisconnect.mock.calls.length === 1);
  });

  it('has settled before a message is handled, and none that came before is lost', async () => {
    const { gate, GatedGateway } = gatedGateway();
    const { url, get } = await startApp({ providers: [GatedGateway] });
    const { server, handled } = get(GatedGateway);
    const client = await Client.connect(url);
    await sendUntilPaused(client, server, 100);
    expect(handled).toEqual([]);
    gate.open();
    await client.until(() => client.frames.length === 100);
    const inOrder = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(handled).toEqual(inOrder);
    expect(client.frames.map(frame => frame.data)).toEqual(inOrder);
    // The socket is read on.
    expect((await client.request('count', 101)).data).toBe(101);
  });

  it('that takes longer than limits.handshake closes, also when much is waiting for it', async () => {
    const { gate, GatedGateway } = gatedGateway();
    const { url, get } = await startApp({
      providers: [GatedGateway],
      options: { limits: { handshake: 100 } },
    });
    onTestFinished(gate.open);
    const client = await Client.connect(url);
    await sendUntilPaused(client, get(GatedGateway).server, 100);
    const asked = performance.now();
    expect(await client.closed).toEqual(CLOSE.HANDSHAKE_TIMEOUT);
    // A peer whose close frame is not read is dropped after five seconds.
    expect(performance.now() - asked).toBeLessThan(4000);
    expect(get(GatedGateway).handled).toEqual([]);
  });
});

describe('the messages of a connection', () => {
  it('are handled one after the other, however long each takes', async () => {
    const gate = new Gate();
    const steps: string[] = [];
    @WebSocketGateway()
    class SlowAndQuickGateway {
      @SubscribeMessage('slow')
      async slow() {
        steps.push('slow begins');
        await gate.passed;
        steps.push('slow ends');
        return 'slow';
      }

      @SubscribeMessage('quick')
      quick() {
        steps.push('quick');
        return 'quick';
      }
    }
    const { url } = await startApp({ providers: [SlowAndQuickGateway] });
    const [client, other] = [await Client.connect(url), await Client.connect(url)];
    client.send({ event: 'slow', id: 'a' });
    client.send({ event: 'quick', id: 'b' });
    await eventually(() => steps.length === 1);
    // Another connection does not wait for this one.
    await other.request('quick');
    gate.open();
    await client.until(() => client.frames.length === 2);
    expect(client.frames.map(frame => frame.id)).toEqual(['a', 'b']);
    expect(steps).toEqual(['slow begins', 'quick', 'slow ends', 'quick']);
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

describe('an error frame', () => {
  it('has at most 512 bytes, whatever id and topic it names', async () => {
    @WebSocketGateway()
    class EmptyGateway {}
    const { url } = await startApp({ providers: [EmptyGateway] });
    const client = await Client.connect(url);
    const sizes: number[] = [];
    client.socket.on('message', (data: Buffer) => sizes.push(data.length));
    for (const character of ['x', '\u0001', '\ud800', '€', '"'])
      client.send({ event: 'subscribe', id: character.repeat(64), data: { topic: 'a'.repeat(255) } });
    await client.until(() => client.frames.length === 5);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512);
  });
});
