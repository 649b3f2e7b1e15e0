import {
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  UseInterceptors,
} from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { Connections, CurrentConnection, FanoutAdapter, Topic, type Connection } from 'nestjs-fanout';
import { concat, delay, from, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

class PatternInterceptor implements NestInterceptor {
  static readonly seen: string[] = [];

  intercept(context: ExecutionContext, next: CallHandler) {
    PatternInterceptor.seen.push(context.switchToWs().getPattern());
    return next.handle();
  }
}

@WebSocketGateway()
class HandlersGateway {
  @SubscribeMessage('body')
  body(@MessageBody() data: unknown) {
    return { event: 'body', data };
  }

  @SubscribeMessage('property')
  property(@MessageBody('name') name: unknown, @MessageBody('age') age: unknown) {
    return { event: 'property', data: [name, age] };
  }

  @SubscribeMessage('socket')
  socket(@MessageBody() data: unknown, @ConnectedSocket() socket: WebSocket) {
    socket.send(JSON.stringify({ event: 'socket', data }));
  }

  @SubscribeMessage('connection')
  connection(@CurrentConnection() connection: Connection, @ConnectedSocket() socket: WebSocket) {
    return { event: 'connection', data: connection.socket === socket };
  }

  @SubscribeMessage('bare')
  bare(socket: WebSocket, data: unknown) {
    socket.send(JSON.stringify({ event: 'bare', data }));
  }

  @SubscribeMessage('value')
  value(@MessageBody() data: unknown) {
    return data;
  }

  @SubscribeMessage('promise')
  async promise(@MessageBody() data: unknown) {
    return { event: 'promise', data };
  }

  @SubscribeMessage('many')
  many(@MessageBody() data: number[]) {
    return from(data.map(item => ({ event: 'many', data: item }))).pipe(delay(1));
  }

  @SubscribeMessage('promised many')
  async promisedMany() {
    return from([1, 2].map(data => ({ event: 'promised many', data })));
  }

  @SubscribeMessage('broken many')
  brokenMany() {
    return concat(
      of({ event: 'broken many', data: 1 }),
      throwError(() => new WsException('no more')),
    );
  }

  @SubscribeMessage('first')
  @SubscribeMessage('second')
  twoNames() {
    return 'of the last decorator';
  }

  @SubscribeMessage('pattern')
  @UseInterceptors(PatternInterceptor)
  pattern() {}

  @Topic('rooms.:id')
  @UseInterceptors(PatternInterceptor)
  room() {}
}

async function connected(): Promise<{ client: Client; running: RunningApp }> {
  const running = await startApp({ providers: [HandlersGateway] });
  return { client: await Client.connect(running.url), running };
}

describe('a handler', () => {
  it.each([{ a: [1, null] }, 'text', 7, false, null])('gets the data of the message: %j', async data => {
    const { client } = await connected();
    expect(await client.request('body', data)).toEqual({ event: 'body', id: 1, data });
  });

  it('gets undefined for a message without data', async () => {
    const { client } = await connected();
    expect(await client.request('body')).toEqual({ event: 'body', id: 1 });
  });

  it('gets one property of the data with @MessageBody(property)', async () => {
    const { client } = await connected();
    expect((await client.request('property', { name: 'Ann', age: 3 })).data).toEqual(['Ann', 3]);
  });

  it.each([undefined, null, 'text', 5])('gets no property of data that has none: %j', async data => {
    const { client } = await connected();
    expect((await client.request('property', data)).data).toEqual([null, null]);
  });

  it('gets the ws socket with @ConnectedSocket(), wherever the parameter stands', async () => {
    const { client } = await connected();
    client.send({ event: 'socket', data: 1 });
    expect(await client.next(() => true)).toEqual({ event: 'socket', data: 1 });
  });

  it('gets its Connection with @CurrentConnection()', async () => {
    const { client } = await connected();
    expect((await client.request('connection')).data).toBe(true);
  });

  it('gets socket and data when no parameter is decorated', async () => {
    const { client } = await connected();
    client.send({ event: 'bare', data: { x: 1 } });
    expect(await client.next(() => true)).toEqual({ event: 'bare', data: { x: 1 } });
  });

  it('serves the event of its outermost decorator', async () => {
    const { client } = await connected();
    expect((await client.request('first')).data).toBe('of the last decorator');
    expect((await client.request('second')).data.code).toBe('UNKNOWN_EVENT');
  });

  it('can ask for the event or the topic pattern in an execution context', async () => {
    const { client } = await connected();
    PatternInterceptor.seen.length = 0;
    client.send({ event: 'pattern' });
    await client.subscribe('rooms.7');
    expect(PatternInterceptor.seen).toEqual(['pattern', 'rooms.:id']);
  });
});

describe('the result of a handler', () => {
  it.each(['text', 0, false, { no: 'frame' }])(
    'is sent as it is when the message has no id: %j',
    async data => {
      const { client } = await connected();
      client.send({ event: 'value', data });
      expect(await client.next(() => true)).toEqual(data);
    },
  );

  it.each(['text', 0, false, { no: 'frame' }, [1, 2]])(
    'is the data of the reply to an id: %j',
    async data => {
      const { client } = await connected();
      expect(await client.request('value', data)).toEqual({ event: 'value', id: 1, data });
    },
  );

  it.each([null, undefined])('is not sent when it is %s', async data => {
    const { client } = await connected();
    client.send({ event: 'value', id: 8, data });
    client.send({ event: 'value', data });
    const marker = await client.request('body', 'marker');
    expect(client.frames).toEqual([marker]);
  });

  it('is awaited', async () => {
    const { client } = await connected();
    expect(await client.request('promise', 5)).toEqual({ event: 'promise', id: 1, data: 5 });
  });

  it('is sent value by value when it is an Observable', async () => {
    const { client } = await connected();
    client.send({ event: 'many', id: 'm', data: [1, 2, 3] });
    await client.until(() => client.frames.length === 4);
    const values = [1, 2, 3].map(data => ({ event: 'many', id: 'm', data }));
    expect(client.frames).toEqual([...values, { id: 'm', event: 'complete' }]);
  });

  it('is sent value by value when it is the promise of an Observable', async () => {
    const { client } = await connected();
    client.send({ event: 'promised many' });
    await client.until(() => client.frames.length === 2);
    expect(client.frames.map(frame => frame.data)).toEqual([1, 2]);
  });

  it('ends in an error frame when the Observable fails', async () => {
    const { client } = await connected();
    client.send({ event: 'broken many', id: 3 });
    await client.until(() => client.frames.length === 2);
    expect(client.frames).toEqual([
      { event: 'broken many', id: 3, data: 1 },
      { event: 'error', id: 3, data: { code: 'EXCEPTION', message: 'no more' } },
    ]);
  });
});

describe('FanoutAdapter', () => {
  it('reads binary frames like text', async () => {
    const { client } = await connected();
    client.socket.send(Buffer.from('{"event":"body","id":1,"data":"binary"}'), { binary: true });
    expect(await client.next(() => true)).toEqual({ event: 'body', id: 1, data: 'binary' });
  });

  it('reads a frame that came in fragments', async () => {
    const { client } = await connected();
    client.socket.send('{"event":"body",', { fin: false });
    client.socket.send('"data":1}', { fin: true });
    expect(await client.next(() => true)).toEqual({ event: 'body', data: 1 });
  });

  it('reads frames with the parser given to setMessageParser()', async () => {
    const { client, running } = await connected();
    running.get(FanoutAdapter).setMessageParser(frame => {
      if (typeof frame !== 'string') return { event: 'body', data: `${(frame as Buffer).length} bytes` };
      const [event, data] = frame.split('|');
      return event === 'drop' ? undefined : { event: event!, data };
    });
    client.socket.send('drop|me');
    client.socket.send('body|text');
    client.socket.send(Buffer.alloc(7));
    await client.until(() => client.frames.length === 2);
    expect(client.frames.map(frame => frame.data)).toEqual(['text', '7 bytes']);
  });

  it('answers a frame that the parser throws at', async () => {
    const { client, running } = await connected();
    running.get(FanoutAdapter).setMessageParser(() => {
      throw new Error('SECRET of the parser');
    });
    client.socket.send('anything');
    const frame = await client.next(() => true);
    expect(frame.data.code).toBe('BAD_MESSAGE');
    expect(JSON.stringify(frame)).not.toContain('SECRET');
  });

  it('has the connection of each socket in Connections', async () => {
    const { client, running } = await connected();
    await client.request('body');
    expect([...running.get(Connections)].map(({ handshake }) => handshake.path)).toEqual(['/']);
  });
});
