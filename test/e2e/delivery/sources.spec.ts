import {
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  ParseIntPipe,
  UseInterceptors,
} from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, Topic, TopicName, TopicParam } from 'nestjs-fanout';
import { defer, endWith, finalize, map, type Observable, of, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';

const seen: string[] = [];

class Noting implements NestInterceptor {
  intercept(_: ExecutionContext, next: CallHandler): Observable<unknown> {
    seen.push('before');
    return next.handle().pipe(map(value => ({ noted: value })));
  }
}

@WebSocketGateway()
class Gateway {
  readonly feeds = new Map<string, Subject<unknown>>();
  readonly started: string[] = [];
  readonly stopped: string[] = [];

  feed(name: string): Subject<unknown> {
    return this.feeds.get(name)!;
  }

  #source(name: string): Observable<unknown> {
    return defer(() => {
      this.started.push(name);
      const feed = new Subject<unknown>();
      this.feeds.set(name, feed);
      return feed.pipe(finalize(() => this.stopped.push(name)));
    });
  }

  @Topic('feed.:id')
  feedOf(@TopicName() name: string): Observable<unknown> {
    return this.#source(name);
  }

  @Topic('promised')
  async promised(@TopicName() name: string): Promise<Observable<unknown>> {
    return this.#source(name);
  }

  @Topic('sync')
  sync(): Observable<unknown> {
    return of(1, 2, 3).pipe(endWith('end'));
  }

  @UseInterceptors(Noting)
  @Topic('intercepted')
  intercepted(@TopicName() name: string): Observable<unknown> {
    return this.#source(name);
  }

  @UseInterceptors(Noting)
  @Topic('intercepted-sync')
  interceptedSync(): Observable<unknown> {
    return of('a', 'b');
  }

  /** Fails at once, or after some turns of the microtask queue. */
  @Topic('stillborn.:ticks')
  stillborn(
    @TopicName() name: string,
    @TopicParam('ticks', ParseIntPipe) ticks: number,
  ): Observable<unknown> {
    this.started.push(name);
    if (ticks === 0) return throwError(() => new Error('inside'));
    return defer(async () => {
      for (let i = 1; i < ticks; i++) await Promise.resolve();
      throw new Error('inside');
    });
  }
}

async function start() {
  seen.length = 0;
  const { url, get } = await startApp({ providers: [Gateway] });
  return {
    gateway: get(Gateway),
    broadcaster: get(Broadcaster),
    connections: get(Connections),
    connect: () => Client.connect(url),
    connectRaw: () => RawClient.connect(url),
  };
}

const values = (client: Client, topic: string): unknown[] =>
  client.publications(topic).map(({ data }) => data);

describe('an Observable of a @Topic method', () => {
  it('is subscribed to once per topic, and publishes what it emits to everybody', async () => {
    const { gateway, connect } = await start();
    const [first, second] = [await connect(), await connect()];
    const answer = await first.subscribe('feed.a');
    expect(answer.data).not.toHaveProperty('snapshot');
    await second.subscribe('feed.a');
    await second.subscribe('feed.b');
    expect(gateway.started).toEqual(['feed.a', 'feed.b']);
    gateway.feed('feed.a').next({ n: 1 });
    gateway.feed('feed.b').next('other');
    gateway.feed('feed.a').next({ n: 2 });
    for (const client of [first, second]) {
      await client.until(() => values(client, 'feed.a').length === 2);
      expect(values(client, 'feed.a')).toEqual([{ n: 1 }, { n: 2 }]);
    }
    await second.until(() => values(second, 'feed.b').length === 1);
    expect(first.publications('feed.b')).toEqual([]);
  });

  it('goes on for the others when the client that started it was about to close', async () => {
    const { gateway, connect, connectRaw } = await start();
    const leaving = await connectRaw();
    // It does not answer the server's end, so that its connection is closing for a while.
    leaving.socket.allowHalfOpen = true;
    leaving.socket.cork();
    leaving.send({ event: 'subscribe', data: { topic: 'feed.a' } });
    leaving.socket.write(Buffer.from([0x88, 0x80, 0, 0, 0, 0])); // a close frame, in the same chunk
    leaving.socket.uncork();
    await leaving.until(() => leaving.frames.length > 0);
    const staying = await connect();
    await staying.subscribe('feed.a');
    gateway.feed('feed.a').next('tick');
    await staying.until(() => values(staying, 'feed.a').length === 1);
    leaving.socket.destroy();
    await staying.request('unsubscribe', { topic: 'feed.a' });
    await eventually(() => gateway.stopped.length === gateway.started.length, 'the teardown');
    expect(gateway.feed('feed.a').observed).toBe(false);
  });

  it('is torn down with its last subscriber and restarted by the next', async () => {
    const { gateway, connect } = await start();
    const [first, second] = [await connect(), await connect()];
    await first.subscribe('feed.a');
    await second.subscribe('feed.a');
    await first.request('unsubscribe', { topic: 'feed.a' });
    expect(gateway.stopped).toEqual([]);
    await second.request('unsubscribe', { topic: 'feed.a' });
    expect(gateway.stopped).toEqual(['feed.a']);
    expect(gateway.feed('feed.a').observed).toBe(false);
    await first.subscribe('feed.a');
    expect(gateway.started).toEqual(['feed.a', 'feed.a']);
    gateway.feed('feed.a').next('again');
    await first.until(() => values(first, 'feed.a').length === 1);
  });

  it('is torn down when the last subscriber just vanishes', async () => {
    const { gateway, connect } = await start();
    const client = await connect();
    await client.subscribe('feed.a');
    await client.subscribe('promised');
    client.socket.terminate();
    await eventually(() => gateway.stopped.length === 2, 'the end of the sources');
    expect(gateway.stopped).toEqual(expect.arrayContaining(['feed.a', 'promised']));
  });

  it('is torn down when the server ends the last subscription', async () => {
    const { gateway, connect, connections, broadcaster } = await start();
    const client = await connect();
    await client.subscribe('feed.a');
    const [connection] = connections;
    expect(await broadcaster.unsubscribe({ connection: connection!.id }, 'feed.a')).toBe(1);
    expect(gateway.stopped).toEqual(['feed.a']);
  });

  it('does not outlive a client that leaves in the very moment it subscribes', async () => {
    const { gateway, connect, connections } = await start();
    for (let i = 0; i < 20; i++) {
      const client = await connect();
      client.send({ event: 'subscribe', data: { topics: ['feed.a', 'promised', 'intercepted'] } });
      client.socket.terminate();
    }
    const witness = await connect();
    await eventually(() => connections.size === 1, 'the end of the others');
    await witness.request('ping');
    await eventually(() => gateway.started.length === gateway.stopped.length, 'the end of every source');
    await witness.subscribe('feed.a');
    gateway.feed('feed.a').next('alive');
    await witness.until(() => values(witness, 'feed.a').length === 1);
  });

  it('reaches its first subscriber also with what it emits at once', async () => {
    const { connect } = await start();
    const client = await connect();
    await client.subscribe('sync');
    await client.until(() => values(client, 'sync').length === 4);
    expect(values(client, 'sync')).toEqual([1, 2, 3, 'end']);
    expect(client.frames[0].event).toBe('subscribed');
  });

  it('that has completed does not run again for a newcomer while somebody listens', async () => {
    const { gateway, connect } = await start();
    const [first, second] = [await connect(), await connect()];
    await first.subscribe('feed.a');
    gateway.feed('feed.a').complete();
    await second.subscribe('feed.a');
    expect(gateway.started).toEqual(['feed.a']);
    await first.request('unsubscribe', { topic: 'feed.a' });
    await second.request('unsubscribe', { topic: 'feed.a' });
    await first.subscribe('feed.a');
    expect(gateway.started).toEqual(['feed.a', 'feed.a']);
  });

  it('passes through interceptors', async () => {
    const { gateway, connect } = await start();
    const client = await connect();
    await client.subscribe('intercepted');
    gateway.feed('intercepted').next(5);
    await client.until(() => values(client, 'intercepted').length === 1);
    expect(values(client, 'intercepted')).toEqual([{ noted: 5 }]);
    await client.subscribe('intercepted-sync');
    await client.until(() => values(client, 'intercepted-sync').length === 2);
    expect(values(client, 'intercepted-sync')).toEqual([{ noted: 'a' }, { noted: 'b' }]);
    expect(seen).toEqual(['before', 'before']);
    expect(gateway.started).toEqual(['intercepted']);
  });

  it('publishes nothing twice when its subscriber subscribes again', async () => {
    const { gateway, connect } = await start();
    const client = await connect();
    await client.subscribe('feed.a');
    await client.subscribe('feed.a');
    expect(gateway.started).toEqual(['feed.a']);
    gateway.feed('feed.a').next('once');
    await client.until(() => values(client, 'feed.a').length > 0);
    await client.request('ping');
    expect(values(client, 'feed.a')).toEqual(['once']);
  });
});

describe('an Observable that fails', () => {
  it('is reported to its subscribers, and the next subscriber restarts it', async () => {
    const { gateway, connect, broadcaster } = await start();
    const [first, second] = [await connect(), await connect()];
    await first.subscribe('feed.a');
    await second.subscribe('feed.a');
    gateway.feed('feed.a').next('last words');
    gateway.feed('feed.a').error(new Error('secret of the inside'));
    for (const client of [first, second]) {
      expect(await client.next(frame => frame.event === 'error')).toStrictEqual({
        event: 'error',
        data: { code: 'SOURCE_FAILED', message: expect.any(String), topic: 'feed.a' },
      });
      await client.until(() => values(client, 'feed.a').length === 1);
      expect(JSON.stringify(client.frames)).not.toContain('secret');
    }
    expect(broadcaster.subscribers('feed.a')).toBe(2);
    expect((await second.subscribe('feed.a')).event).toBe('subscribed');
    expect(gateway.started).toEqual(['feed.a', 'feed.a']);
    gateway.feed('feed.a').next('new life');
    for (const client of [first, second])
      await client.until(() => values(client, 'feed.a').includes('new life'));
  });

  it('at once refuses the subscribe, and is tried again by the next', async () => {
    const { gateway, connect, broadcaster } = await start();
    const client = await connect();
    for (const id of ['first', 'second']) {
      client.send({ event: 'subscribe', id, data: { topic: 'stillborn.0' } });
      expect(await client.next(frame => frame.id === id)).toStrictEqual({
        event: 'error',
        id,
        data: { code: 'SOURCE_FAILED', message: expect.any(String), topic: 'stillborn.0' },
      });
    }
    expect(gateway.started).toEqual(['stillborn.0', 'stillborn.0']);
    expect(broadcaster.publish('stillborn.0', 1)).toBe(0);
  });

  it('in the middle of the answer is reported too, one way or the other', async () => {
    const { connect } = await start();
    const client = await connect();
    for (let ticks = 1; ticks <= 25; ticks++) {
      client.send({ event: 'subscribe', id: ticks, data: { topic: `stillborn.${ticks}` } });
      await client.next(({ event, data }) => event === 'error' && data.topic === `stillborn.${ticks}`);
    }
    expect(client.frames.filter(({ event }) => event === 'error')).toHaveLength(25);
  });

  it('because of what it emits stops like any other', async () => {
    const { gateway, connect } = await start();
    const client = await connect();
    await client.subscribe('feed.a');
    gateway.feed('feed.a').next(1n);
    const error = await client.next(frame => frame.event === 'error');
    expect(error.data).toMatchObject({ code: 'SOURCE_FAILED', topic: 'feed.a' });
    expect(gateway.stopped).toEqual(['feed.a']);
    expect((await client.request('ping')).event).toBe('pong');
  });
});
