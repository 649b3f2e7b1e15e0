import {
  type ArgumentMetadata,
  Injectable,
  ParseIntPipe,
  type PipeTransform,
  UsePipes,
  ValidationPipe,
} from '@nestjs/common';
import { APP_PIPE } from '@nestjs/core';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { IsInt, IsString, Length, Min } from 'class-validator';
import { CurrentConnection, type Connection, Topic, TopicParam } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

class OrderDto {
  @IsString()
  @Length(1, 5)
  symbol!: string;

  @IsInt()
  @Min(1)
  amount!: number;
}

class Upper implements PipeTransform {
  transform(value: unknown) {
    return typeof value === 'string' ? value.toUpperCase() : value;
  }
}

class Exclaim implements PipeTransform {
  transform(value: unknown) {
    return typeof value === 'string' ? `${value}!` : value;
  }
}

@Injectable()
class Recorder implements PipeTransform {
  readonly seen: ArgumentMetadata[] = [];

  transform(value: unknown, metadata: ArgumentMetadata) {
    this.seen.push(metadata);
    return value;
  }
}

@WebSocketGateway()
class OrderGateway {
  @SubscribeMessage('order')
  order(@MessageBody() order: OrderDto) {
    return { event: 'order', data: { isDto: order instanceof OrderDto, ...order } };
  }

  @SubscribeMessage('untyped')
  untyped(@MessageBody() data: unknown) {
    return { event: 'untyped', data };
  }

  @SubscribeMessage('method')
  @UsePipes(new ValidationPipe({ transform: true }))
  method(@MessageBody() order: OrderDto) {
    return { event: 'method', data: order instanceof OrderDto };
  }

  @SubscribeMessage('parameter')
  parameter(@MessageBody('amount', ParseIntPipe) amount: number, @MessageBody('symbol') symbol: string) {
    return { event: 'parameter', data: [amount, symbol] };
  }

  @SubscribeMessage('chain')
  @UsePipes(Upper)
  chain(@MessageBody(Exclaim) text: string) {
    return { event: 'chain', data: text };
  }

  @SubscribeMessage('client')
  client(@ConnectedSocket() socket: unknown, @CurrentConnection() connection: Connection) {
    return { event: 'client', data: socket instanceof WebSocket && typeof connection.id === 'string' };
  }

  @SubscribeMessage('ws exception')
  @UsePipes(
    new ValidationPipe({
      exceptionFactory: ([error]) =>
        new WsException({ code: 'BAD_ORDER', message: `Bad ${error?.property}` }),
    }),
  )
  wsException(@MessageBody() order: OrderDto) {
    return order;
  }

  @Topic('candles.:minutes')
  candles(@TopicParam('minutes', ParseIntPipe) minutes: number) {
    return minutes + 1;
  }
}

@WebSocketGateway()
@UsePipes(new ValidationPipe())
class ClassPipedGateway {
  @SubscribeMessage('order')
  order(@MessageBody() order: OrderDto) {
    return order.amount;
  }
}

const GOOD = { symbol: 'AAPL', amount: 3 };
const BAD = { symbol: 'TOO LONG', amount: 'none' };

async function expectBadOrder(client: Client, event: string): Promise<void> {
  const frame = await client.request(event, BAD);
  expect(frame).toMatchObject({ event: 'error', data: { code: 'BAD_REQUEST' } });
  expect(frame.data.message).toContain('amount must be an integer number');
  expect(frame.data.message).toContain('symbol must be shorter than or equal to 5 characters');
}

describe('a pipe', () => {
  it('of a method validates its data, and nothing reaches the method that fails', async () => {
    const { url } = await startApp({ providers: [OrderGateway] });
    const client = await Client.connect(url);
    expect((await client.request('method', GOOD)).data).toBe(true);
    await expectBadOrder(client, 'method');
    expect((await client.request('order', BAD)).data).toMatchObject({ isDto: false, ...BAD });
  });

  it('of a class validates the data of each method', async () => {
    const { url } = await startApp({ providers: [ClassPipedGateway] });
    const client = await Client.connect(url);
    expect((await client.request('order', GOOD)).data).toBe(GOOD.amount);
    await expectBadOrder(client, 'order');
  });

  it('of a parameter changes that parameter', async () => {
    const { url } = await startApp({ providers: [OrderGateway] });
    const client = await Client.connect(url);
    expect((await client.request('parameter', { amount: '12', symbol: 'X' })).data).toEqual([12, 'X']);
    expect((await client.request('parameter', { amount: 'twelve' })).data.code).toBe('BAD_REQUEST');
  });

  it('of a method comes before that of a parameter', async () => {
    const { url } = await startApp({ providers: [OrderGateway] });
    const client = await Client.connect(url);
    expect((await client.request('chain', 'ab')).data).toBe('AB!');
  });

  it('of a @TopicParam() validates a segment of the topic', async () => {
    const { url } = await startApp({ providers: [OrderGateway] });
    const client = await Client.connect(url);
    expect((await client.subscribe('candles.5')).data.snapshot).toBe(6);
    expect((await client.subscribe('candles.five')).data).toMatchObject({
      code: 'BAD_REQUEST',
      topic: 'candles.five',
    });
  });

  it('may throw an exception of the gateway', async () => {
    const { url } = await startApp({ providers: [OrderGateway] });
    const client = await Client.connect(url);
    expect((await client.request('ws exception', BAD)).data).toEqual({
      code: 'BAD_ORDER',
      message: 'Bad symbol',
    });
  });

  it.each([
    ['useGlobalPipes()', false],
    ['APP_PIPE', true],
  ])('given to the whole application with %s validates gateways too', async (_, asProvider) => {
    const pipe = new ValidationPipe({ transform: true });
    const { url } = await startApp({
      providers: [OrderGateway, ...(asProvider ? [{ provide: APP_PIPE, useValue: pipe }] : [])],
      configure: app => void (asProvider || app.useGlobalPipes(pipe)),
    });
    const client = await Client.connect(url);
    expect((await client.request('order', GOOD)).data).toEqual({ isDto: true, ...GOOD });
    await expectBadOrder(client, 'order');
    expect((await client.request('untyped', BAD)).data).toEqual(BAD);
    expect((await client.request('client')).data).toBe(true);
    expect((await client.subscribe('candles.1')).data.snapshot).toBe(2);
  });

  it('learns what a parameter is from its metadata', async () => {
    const recorder = new Recorder();
    const { url } = await startApp({
      providers: [OrderGateway],
      configure: app => void app.useGlobalPipes(recorder),
    });
    const client = await Client.connect(url);
    await client.request('order', GOOD);
    await client.request('parameter', GOOD);
    const seen = recorder.seen.map(({ type, metatype, data }) => ({ type, metatype, data }));
    // Parameters of one call are piped at once, in no particular order.
    expect(seen).toHaveLength(3);
    expect(seen).toEqual(
      expect.arrayContaining([
        { type: 'body', metatype: OrderDto, data: undefined },
        { type: 'body', metatype: Number, data: 'amount' },
        { type: 'body', metatype: String, data: 'symbol' },
      ]),
    );
  });
});
