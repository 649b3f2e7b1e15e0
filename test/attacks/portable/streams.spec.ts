import { type CallHandler, type NestInterceptor, UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, Topic } from 'nestjs-fanout';
import { merge, NEVER, Observable, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

/** Counts who is subscribed to something that never ends. */
class Endless {
  live = 0;
  ever = 0;
  readonly stream = new Observable<never>(() => {
    this.live++;
    this.ever++;
    return () => void this.live--;
  });
}

describe('an Observable returned by a handler', () => {
  it('is not kept when the client has gone before it was returned', async () => {
    const endless = new Endless();
    const gate = new Gate();
    let started = false;
    @WebSocketGateway()
    class Gateway {
      @SubscribeMessage('late')
      async late() {
        started = true;
        await gate.passed;
        return endless.stream;
      }
    }
    const { app, url, get } = await startApp({ providers: [Gateway] });
    const client = await Client.connect(url);
    client.send({ event: 'late' });
    await eventually(() => started);
    client.socket.terminate();
    await eventually(() => get(Connections).size === 0);
    gate.open();
    // Waits for handlers in flight.
    await app.close();
    expect(endless.live).toBe(0);
  });

  it('is refused where 128 others are still answering, and let in when one of them ends', async () => {
    const streams: Subject<unknown>[] = [];
    @WebSocketGateway()
    class Gateway {
      @SubscribeMessage('stream')
      stream() {
        streams.push(new Subject());
        return merge(streams.at(-1)!, [{ event: 'begun' }]);
      }
    }
    const { url } = await startApp({ providers: [Gateway], options: { limits: { messagesPerSecond: 0 } } });
    const client = await Client.connect(url);
    for (let id = 0; id < 130; id++) client.send({ event: 'stream', id });
    await client.until(() => client.frames.length === 130);
    const refused = client.frames.filter(frame => frame.event === 'error');
    expect(refused.map(({ id, data }) => [id, data.code])).toEqual([
      [128, 'TOO_MANY_STREAMS'],
      [129, 'TOO_MANY_STREAMS'],
    ]);
    streams[0]!.complete();
    client.send({ event: 'stream', id: 'next' });
    expect((await client.next(frame => frame.id === 'next')).event).toBe('begun');
  });
});

describe('what an interceptor adds to a @Topic method', () => {
  const source = new Endless();
  const value = new Endless();
  const adding = (endless: Endless): NestInterceptor => ({
    intercept: (_, next: CallHandler) => merge(next.handle(), endless.stream),
  });

  @WebSocketGateway()
  class Gateway {
    @UseInterceptors(adding(source))
    @Topic('source')
    source() {
      return NEVER;
    }

    @UseInterceptors(adding(value))
    @Topic('value')
    value(): number {
      return 5;
    }
  }

  it('ends at once for those who join a running source, and for its owner with the source', async () => {
    const { url, get } = await startApp({ providers: [Gateway] });
    const [owner, ...others] = await Promise.all(Array.from({ length: 4 }, () => Client.connect(url)));
    await owner!.subscribe('source');
    for (const other of others) expect((await other.subscribe('source')).event).toBe('subscribed');
    expect(source).toMatchObject({ ever: 4, live: 1 });
    for (const { socket } of [owner!, ...others]) socket.terminate();
    await eventually(() => get(Broadcaster).subscribers('source') === 0);
    await eventually(() => source.live === 0, 'the end of the source');
  });

  it('ends with the client that waits for it', async () => {
    const { url, get } = await startApp({ providers: [Gateway] });
    const client = await Client.connect(url);
    client.send({ event: 'subscribe', data: { topic: 'value' } });
    await eventually(() => value.live === 1);
    client.socket.terminate();
    await eventually(() => value.live === 0, 'the end of the stream');
    expect(get(Broadcaster).subscribers('value')).toBe(0);
  });
});

describe('a thenable that is no Promise', () => {
  it('may resolve to the source of a topic', async () => {
    const feed = new Subject<string>();
    @WebSocketGateway()
    class Gateway {
      @Topic('feed')
      feed() {
        // oxlint-disable-next-line unicorn/no-thenable -- that is what it is about
        return { then: (done: (value: unknown) => void) => done(feed) };
      }
    }
    const { url } = await startApp({ providers: [Gateway] });
    const client = await Client.connect(url);
    await client.subscribe('feed');
    feed.next('tick');
    await client.until(() => client.publications('feed').length === 1);
    expect(client.publications('feed')[0]!.data).toBe('tick');
  });
});
