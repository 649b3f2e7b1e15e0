import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  CLOSE,
  type Connection,
  Connections,
  CurrentConnection,
  type FanoutOptions,
  Topic,
} from 'nestjs-fanout';
import { beforeEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';
import { Gate } from '../../support/gate.js';

let gate: Gate;
let handled: unknown[];
/** Whether the snapshot of the topic `suicidal` closes its connection. */
let isDeadly: boolean;
beforeEach(() => {
  gate = new Gate();
  handled = [];
  isDeadly = false;
});

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('order')
  async order(@MessageBody() data: unknown): Promise<void> {
    await gate.passed;
    handled.push(data);
  }

  @SubscribeMessage('leave')
  async leave(@CurrentConnection() connection: Connection): Promise<void> {
    connection.close(4500);
  }

  @Topic('news')
  news(): void {}

  @Topic('rare', { conflate: true, every: 60_000 })
  rare(): void {}

  @Topic('slow')
  async slow(): Promise<string> {
    await gate.passed;
    return 'snapshot';
  }

  @Topic('suicidal')
  suicidal(@CurrentConnection() connection: Connection): unknown {
    const toJSON = (): number => {
      if (isDeadly) connection.close(4500);
      return 1;
    };
    return { toJSON };
  }
}

/** Of a gateway with a `perMessageDeflate` of its own, `ws` compresses what the application sends past the library. */
@WebSocketGateway({ path: '/deflating', perMessageDeflate: { threshold: 0 } })
class DeflatingGateway {
  @SubscribeMessage('directly')
  directly(@ConnectedSocket() socket: WebSocket): void {
    socket.send('straight from the socket');
  }
}

async function start(limits?: FanoutOptions['limits']) {
  const { app, url, get } = await startApp({ providers: [Gateway, DeflatingGateway], options: { limits } });
  return { app, url, connections: get(Connections), broadcaster: get(Broadcaster) };
}

describe('messages that a client sent right before it closed in good order', () => {
  it('are all handled, though the first takes until the client has gone', async () => {
    const { url, connections } = await start();
    const client = await Client.connect(url);
    for (let i = 0; i < 5; i++) client.send({ event: 'order', data: i });
    await client.close();
    await eventually(() => connections.size === 0);
    expect(handled).toEqual([]);
    gate.open();
    await eventually(() => handled.length === 5, 'the handling of five orders');
    expect(handled).toEqual([0, 1, 2, 3, 4]);
  });
});

describe('messages of a connection that the server has closed', () => {
  it('reach no handler when they come later', async () => {
    const { url, connections } = await start();
    gate.open();
    // Answers no close frame, and goes on sending.
    const peer = await RawClient.connect(url);
    [...connections][0]!.close(4500);
    await peer.until(() => peer.close !== undefined);
    peer.send({ event: 'order', data: 'after the ban' });
    peer.socket.end();
    await eventually(() => connections.size === 0);
    expect(handled).toEqual([]);
  });

  it('reach no handler when they waited behind the message that was its reason', async () => {
    const { app, url, connections } = await start();
    gate.open();
    const peer = await RawClient.connect(url);
    const order = { event: 'order', data: 'after the ban' };
    peer.send({ event: 'leave' }, order, order, order);
    await peer.until(() => peer.close !== undefined);
    peer.socket.end();
    await eventually(() => connections.size === 0);
    // Waits for handlers in flight.
    await app.close();
    expect(handled).toEqual([]);
  });
});

describe('a client that is closed for what it did', () => {
  it('gets what ws still compresses for it, and then its close', async () => {
    const { url, connections } = await start({ rejections: 1 });
    const peer = await RawClient.connect(`${url}/deflating`, undefined, 'permessage-deflate');
    peer.send({ event: 'directly' }, {}, {});
    await peer.until(() => peer.close !== undefined);
    expect(peer.close).toEqual(CLOSE.ABUSE);
    expect(peer.texts).toContain('straight from the socket');
    await eventually(() => connections.size === 0);
  });
});

describe('what was published in the same turn', () => {
  const ends: Record<string, (connection: Connection, broadcaster: Broadcaster) => unknown> = {
    'connection.close()': connection => connection.close(4500),
    'connection.unsubscribe()': connection => connection.unsubscribe('news'),
    'broadcaster.disconnect()': ({ id }, broadcaster) => broadcaster.disconnect({ connection: id }),
    'broadcaster.unsubscribe()': ({ id }, broadcaster) => broadcaster.unsubscribe({ connection: id }, 'news'),
  };

  it.each(Object.entries(ends))('before %s still arrives, and nothing after it', async (_, end) => {
    const { url, connections, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('news');
    expect(broadcaster.publish('news', 'before')).toBe(1);
    end([...connections][0]!, broadcaster);
    expect(broadcaster.publish('news', 'after')).toBe(0);
    await broadcaster.flush();
    const isTold = (): boolean => client.frames.some(frame => frame.event === 'unsubscribed');
    await eventually(() => isTold() || client.socket.readyState !== client.socket.OPEN, 'the end');
    expect(client.publications('news').map(({ data }) => data)).toEqual(['before']);
  });
});

describe('what waits for the end of a window', () => {
  it('arrives before the server closes the connection, the newest of it', async () => {
    const { url, connections, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('rare');
    broadcaster.publish('rare', 'opens the window');
    await client.until(() => client.publications('rare').length === 1);
    for (const data of ['older', 'newest']) broadcaster.publish('rare', data);
    [...connections][0]!.close(4500);
    expect((await client.closed).code).toBe(4500);
    expect(client.publications('rare').map(({ data }) => data)).toEqual(['opens the window', 'newest']);
  });
});

describe('an unsubscribe by the server', () => {
  it('in the middle of a slow subscribe is not undone by its answer', async () => {
    const { url, connections, broadcaster } = await start();
    const client = await Client.connect(url);
    const [connection] = connections;
    const answer = client.subscribe('slow');
    await eventually(() => connection!.topics.has('slow'));
    expect(await broadcaster.unsubscribe({ connection: connection!.id }, 'slow')).toBe(1);
    gate.open();
    expect(await answer).toMatchObject({ event: 'error', data: { code: 'FORBIDDEN', topic: 'slow' } });
    expect([...connection!.topics]).toEqual([]);
    expect(broadcaster.publish('slow', 'secret')).toBe(0);
  });
});

describe('a snapshot whose toJSON() closes its connection', () => {
  it('leaves no subscription behind', async () => {
    const { url, connections, broadcaster } = await start();
    const [other, client] = [await Client.connect(url), await Client.connect(url)];
    await other.subscribe('suicidal');
    isDeadly = true;
    client.send({ event: 'subscribe', data: { topic: 'suicidal' } });
    expect((await client.closed).code).toBe(4500);
    await eventually(() => connections.size === 1);
    expect(broadcaster.subscribers('suicidal')).toBe(1);
  });
});
