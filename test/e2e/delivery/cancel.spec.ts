import type { CallHandler, NestInterceptor } from '@nestjs/common';
import { UseInterceptors } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutMetrics, type FanoutOptions } from 'nestjs-fanout';
import { finalize, map, merge, NEVER, of, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

class Noted implements NestInterceptor {
  intercept(_: unknown, next: CallHandler) {
    return next.handle().pipe(map(noted => ({ noted })));
  }
}

@WebSocketGateway()
class Gateway {
  static ended = 0;
  static gate = new Gate();
  static last: Subject<unknown>;

  @SubscribeMessage('endless')
  endless() {
    Gateway.last = new Subject();
    return merge(of('begun'), Gateway.last).pipe(finalize(() => Gateway.ended++));
  }

  @UseInterceptors(Noted)
  @SubscribeMessage('noted')
  noted() {
    return this.endless();
  }

  @UseInterceptors(Noted)
  @SubscribeMessage('single')
  single() {
    return 1;
  }

  @SubscribeMessage('later')
  async later() {
    await Gateway.gate.passed;
    return this.endless();
  }

  @SubscribeMessage('value')
  async value() {
    await Gateway.gate.passed;
    return 'value';
  }

  @SubscribeMessage('broken')
  broken() {
    return NEVER.pipe(
      finalize(() => {
        throw new Error('teardown');
      }),
    );
  }
}

async function start(limits: FanoutOptions['limits'] = {}) {
  Gateway.ended = 0;
  Gateway.gate = new Gate();
  const { url, get } = await startApp({ providers: [Gateway], options: { limits } });
  const client = await Client.connect(url);
  const begin = (event: string, id?: unknown) => client.send({ event, id });
  const framesOf = (id: unknown) => client.frames.filter(frame => frame.id === id);
  const settle = () => client.request('ping');
  return { client, begin, framesOf, settle, metrics: get(FanoutMetrics) };
}

const COMPLETE = (id: unknown) => ({ id, event: 'complete' });

describe('a cancel', () => {
  it.each(['endless', 'noted'])(
    'ends the stream with its id (%s), is answered, and frees the id',
    async event => {
      const { client, begin, framesOf, settle } = await start();
      for (const id of ['a', 'b']) begin(event, id);
      begin('cancel', 'a');
      await settle();
      expect(framesOf('a').at(-1)).toEqual(COMPLETE('a'));
      expect(framesOf('a')).toHaveLength(2);
      expect(framesOf('b')).toHaveLength(1);
      expect(Gateway.ended).toBe(1);
      begin(event, 'a');
      begin('cancel', 'a');
      await settle();
      expect(framesOf('a')).toHaveLength(4);
      expect(Gateway.ended).toBe(2);
      // The frame is what docs/protocol.md has.
      expect(JSON.stringify(client.frames.find(frame => frame.event === 'complete'))).toBe(
        '{"id":"a","event":"complete"}',
      );
    },
  );

  it('ends every stream with its id, each with a frame', async () => {
    const { begin, framesOf, settle } = await start();
    for (const id of [7, 7, '7']) begin('endless', id);
    begin('cancel', 7);
    await settle();
    expect(framesOf(7).filter(({ event }) => event === 'complete')).toHaveLength(2);
    expect(framesOf('7')).toHaveLength(1);
  });

  it('of an id without a stream is not answered, so that a complete is always that of its stream', async () => {
    const { client, begin, framesOf, settle } = await start();
    begin('cancel', 'nobody');
    begin('single', 's');
    begin('cancel', 's');
    await settle();
    expect(framesOf('nobody')).toEqual([]);
    expect(framesOf('s').map(({ event }) => event)).toEqual(['single']);
    expect(client.frames).toHaveLength(2);
  });

  it.each([undefined, null])('with the id %j is no message', async id => {
    const { client, begin } = await start();
    begin('cancel', id);
    expect((await client.next(frame => frame.event === 'error')).data.code).toBe('BAD_MESSAGE');
  });

  it.each([1, 2])('reaches a handler that is still running (limits.inFlight %i)', async inFlight => {
    const { begin, client, framesOf } = await start({ inFlight });
    begin('later', 'l');
    begin('cancel', 'l');
    if (inFlight > 1) await client.request('ping');
    Gateway.gate.open();
    await client.next(frame => frame.event === 'complete');
    expect(framesOf('l').at(-1)).toEqual(COMPLETE('l'));
    expect(framesOf('l')).toHaveLength(inFlight === 1 ? 2 : 1);
    await eventually(() => Gateway.ended === (inFlight === 1 ? 1 : 0));
  });

  it('does not stop an answer that is no stream', async () => {
    const { client, begin, framesOf, settle } = await start({ inFlight: 2 });
    begin('value', 'v');
    begin('cancel', 'v');
    await settle();
    Gateway.gate.open();
    await client.next(frame => frame.id === 'v');
    await settle();
    expect(framesOf('v').map(({ event }) => event)).toEqual(['value']);
  });

  it('is answered although the teardown of the stream throws', async () => {
    const { begin, framesOf, settle } = await start();
    begin('broken', 'x');
    begin('cancel', 'x');
    await settle();
    expect(framesOf('x')).toEqual([COMPLETE('x')]);
  });

  it('counts as a message', async () => {
    const { client, begin, metrics } = await start({ messagesPerSecond: 1, burst: 2 });
    for (let i = 0; i < 5; i++) begin('cancel', i);
    await client.next(frame => frame.data?.code === 'RATE_LIMITED');
    expect(metrics.rejected['message-rate']).toBeGreaterThan(0);
  });

  it('is handled by the gateway that has an event of this name', async () => {
    @WebSocketGateway()
    class Orders {
      @SubscribeMessage('cancel')
      cancel() {
        return 'order cancelled';
      }
    }
    const { url } = await startApp({ providers: [Orders] });
    const client = await Client.connect(url);
    expect((await client.request('cancel', { order: 1 })).data).toBe('order cancelled');
  });
});

describe('a stream that is complete', () => {
  it('says so to a request with an id, and sends nothing to one without', async () => {
    const { client, begin, framesOf, settle } = await start();
    begin('endless', 'e');
    await settle();
    Gateway.last.complete();
    await settle();
    expect(framesOf('e')).toEqual([{ event: 'endless', id: 'e', data: 'begun' }, COMPLETE('e')]);
    client.send({ event: 'endless' });
    await settle();
    Gateway.last.complete();
    await settle();
    expect(client.frames.filter(({ event }) => event === 'complete')).toHaveLength(1);
  });

  it('is not said of a single value behind an interceptor', async () => {
    const { begin, framesOf, settle } = await start();
    begin('single', 's');
    await settle();
    expect(framesOf('s')).toEqual([{ event: 'single', id: 's', data: { noted: 1 } }]);
  });
});

describe('limits.streams', () => {
  it('refuses one more with a code of its own, counts it, and lets it in when one is cancelled', async () => {
    const { begin, framesOf, settle, metrics } = await start({ streams: 2 });
    for (const id of ['a', 'b', 'c']) begin('endless', id);
    await settle();
    expect(framesOf('c')[0]).toMatchObject({ event: 'error', data: { code: 'TOO_MANY_STREAMS' } });
    expect(metrics.rejected.streams).toBe(1);
    // Messages that need no stream are answered.
    begin('value', 'v');
    Gateway.gate.open();
    begin('cancel', 'a');
    begin('endless', 'c');
    await settle();
    expect(framesOf('v')).toHaveLength(1);
    expect(framesOf('c').at(-1)).toMatchObject({ data: 'begun' });
  });
});
