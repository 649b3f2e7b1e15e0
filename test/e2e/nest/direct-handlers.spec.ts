import type { Socket } from 'node:net';
import {
  type CanActivate,
  createParamDecorator,
  type ExecutionContext,
  type ExceptionFilter,
  Catch,
  NotFoundException,
  type PipeTransform,
  SetMetadata,
  UseFilters,
  UseGuards,
  UseInterceptors,
  UsePipes,
} from '@nestjs/common';
import {
  ConnectedSocket,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import {
  Broadcaster,
  type Connection,
  Connections,
  CurrentConnection,
  Topic,
  TopicName,
  TopicParam,
  type FanoutOptions,
} from 'nestjs-fanout';
import { concat, EMPTY, from, NEVER, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

/** A parameter that comes later, as from a data base. */
const Later = createParamDecorator(async (name: string, context: ExecutionContext) => {
  await Promise.resolve();
  return `${name} of ${context.getHandler().name} in ${context.getClass().name}, ${context.getType()}`;
});

const Pattern = createParamDecorator((_: unknown, context: ExecutionContext) =>
  context.switchToWs().getPattern(),
);

const Throws = createParamDecorator(() => {
  throw new WsException('no parameter');
});

const Rejects = createParamDecorator(async () => {
  throw new WsException('no parameter, later');
});

/** Not a Promise, but awaited like one. */
class Thenable {
  constructor(readonly value: unknown) {}

  // oxlint-disable-next-line unicorn/no-thenable -- query builders are like this
  then(resolve: (value: unknown) => unknown): Promise<unknown> {
    return Promise.resolve(this.value).then(resolve);
  }
}

class Harmless implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

/** Nothing: the method is called directly. */
const nothing = (): void => {};

/** The same gateway twice: with nothing around its methods, and with what makes Nest build its chain. */
function gatewayWith(enhance: ClassDecorator) {
  @WebSocketGateway()
  @enhance
  class TableGateway {
    #calls = 0;

    @SubscribeMessage('body')
    body(@MessageBody() data: unknown) {
      return { event: 'body', data };
    }

    @SubscribeMessage('property')
    property(@MessageBody('name') name: unknown, @MessageBody() all: unknown) {
      return { event: 'property', data: [name ?? 'none', all ?? 'nothing'] };
    }

    @SubscribeMessage('bare')
    bare(socket: WebSocket, data: unknown) {
      return { event: 'bare', data: [socket.readyState, data, arguments.length] };
    }

    @SubscribeMessage('places')
    places(
      _: undefined,
      @CurrentConnection() connection: Connection,
      __: undefined,
      @ConnectedSocket() socket: unknown,
    ) {
      return { event: 'places', data: [connection.socket === socket, arguments.length, typeof _, typeof __] };
    }

    @SubscribeMessage('custom')
    custom(@Later('name') later: unknown, @Pattern() pattern: unknown, @MessageBody() data: unknown) {
      return { event: 'custom', data: [later, pattern, data] };
    }

    @SubscribeMessage('throwing parameter')
    throwingParameter(@Rejects() first: unknown, @Throws() second: unknown) {
      return [first, second];
    }

    @SubscribeMessage('rejecting parameter')
    rejectingParameter(@Rejects() parameter: unknown) {
      return parameter;
    }

    @SubscribeMessage('count')
    count() {
      return ++this.#calls;
    }

    @SubscribeMessage('nothing')
    nothing() {}

    @SubscribeMessage('null')
    null() {
      return null;
    }

    @SubscribeMessage('false')
    false() {
      return false;
    }

    @SubscribeMessage('promise')
    async promise(@MessageBody() data: unknown) {
      return { event: 'promise', data };
    }

    @SubscribeMessage('thenable')
    thenable(@MessageBody() data: unknown) {
      return new Thenable({ event: 'thenable', data });
    }

    @SubscribeMessage('throws')
    throws() {
      throw new NotFoundException('no such thing');
    }

    @SubscribeMessage('throws nothing')
    throwsNothing() {
      throw undefined;
    }

    @SubscribeMessage('breaks')
    breaks() {
      throw new Error('SECRET');
    }

    @SubscribeMessage('rejects')
    async rejects() {
      throw new WsException({ code: 'LATE', message: 'too late' });
    }

    @SubscribeMessage('no json')
    noJson() {
      return { event: 'no json', data: 1n };
    }

    @SubscribeMessage('later no json')
    async laterNoJson() {
      return { event: 'no json', data: 1n };
    }

    @SubscribeMessage('many')
    many() {
      return from([1, 2].map(data => ({ event: 'many', data })));
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

    @SubscribeMessage('none')
    none() {
      return EMPTY;
    }

    @SubscribeMessage('endless')
    endless() {
      return NEVER;
    }

    @SubscribeMessage('closes')
    closes(@CurrentConnection() connection: Connection) {
      connection.close(4321, 'as asked');
      return 'nobody reads this';
    }

    @Topic('values.:id', { history: 5 })
    value(@TopicParam('id') id: string, @TopicName() name: string, @MessageBody() data: unknown) {
      return { id, name, data };
    }

    @Topic('silent')
    silent() {}

    @Topic('promised')
    async promised() {
      return 'a snapshot';
    }

    @Topic('refused')
    refused() {
      throw new NotFoundException('not here');
    }

    @Topic('refused.later')
    async refusedLater() {
      throw new Error('SECRET');
    }

    @Topic('unwritable')
    unwritable() {
      return 1n;
    }

    @Topic('source')
    source() {
      return concat(of('first', 'second'), NEVER);
    }

    @Topic('broken.source')
    brokenSource() {
      return concat(
        of('only'),
        throwError(() => new Error('SECRET')),
      );
    }

    @Topic('closing')
    closing(@CurrentConnection() connection: Connection) {
      connection.close(4322, 'as asked');
      return 'nobody reads this';
    }
  }
  return TableGateway;
}

const PLAIN = gatewayWith(nothing as ClassDecorator);
const GUARDED = gatewayWith(UseGuards(Harmless));

/** Positions name the process; everything else must be the same. */
const comparable = (frame: any): any =>
  JSON.parse(
    JSON.stringify(frame, (key, value) => (key === 'position' ? String(value).split(':')[1] : value)),
  );

interface Outcome {
  readonly frames: readonly any[];
  readonly topics: readonly string[];
  readonly closed: unknown;
}

/** What is said to a client that sends these messages at once, and what it is subscribed to then. */
async function conversation(
  gateway: ReturnType<typeof gatewayWith>,
  messages: readonly unknown[],
  options: FanoutOptions = {},
): Promise<Outcome> {
  const { url, get } = await startApp({ providers: [gateway], options });
  const client = await Client.connect(url);
  for (const message of messages) client.send(message);
  client.send({ event: 'unsubscribe', id: 'last', data: { topic: 'last' } });
  await Promise.race([client.next(frame => frame.id === 'last'), client.closed]);
  const topics = [...get(Connections)].flatMap(connection => [...connection.topics]);
  for (const topic of topics) get(Broadcaster).publish(topic, 'afterwards');
  for (const topic of topics)
    await client.next(frame => frame.topic === topic && frame.data === 'afterwards');
  const isOpen = client.socket.readyState === client.socket.OPEN;
  return { frames: client.frames.map(comparable), topics, closed: isOpen || (await client.closed) };
}

const EVENTS = [
  'body',
  'property',
  'bare',
  'places',
  'custom',
  'throwing parameter',
  'rejecting parameter',
  'count',
  'nothing',
  'null',
  'false',
  'promise',
  'thenable',
  'throws',
  'throws nothing',
  'breaks',
  'rejects',
  'no json',
  'later no json',
  'many',
  'promised many',
  'broken many',
  'none',
  'endless',
  'closes',
];

const TOPICS = [
  'values.7',
  'silent',
  'promised',
  'refused',
  'refused.later',
  'unwritable',
  'source',
  'broken.source',
  'closing',
  'unknown',
];

async function expectSame(messages: readonly unknown[], options?: FanoutOptions): Promise<Outcome> {
  const plain = await conversation(PLAIN, messages, options);
  expect(plain).toEqual(await conversation(GUARDED, messages, options));
  return plain;
}

describe('a handler with nothing around it answers as one with a guard that lets everything pass', () => {
  it.each(EVENTS)('event: %s', async event => {
    for (const data of [{ name: 'Ann' }, 'text', undefined])
      await expectSame([
        { event, id: 1, data },
        { event, data },
      ]);
  });

  it.each(TOPICS)('topic: %s', async topic => {
    await expectSame([
      { event: 'subscribe', id: 1, data: { topic, other: 1 } },
      { event: 'subscribe', id: 2, data: { topic, since: 'nowhere:0' } },
      { event: 'unsubscribe', id: 3, data: { topic } },
    ]);
  });

  it('many topics in one message, at their limit', async () => {
    const topics = ['values.1', 'values.2', 'refused', 'promised', 'silent', 'unknown', 'values.3'];
    const messages = [
      { event: 'subscribe', id: 1, data: { topics, since: 'nowhere:0' } },
      { event: 'subscribe', id: 2, data: { topics: ['values.4', 'values.5', 'values.1'] } },
      { event: 'unsubscribe', id: 3, data: { topics: ['values.1', 'values.2'] } },
      { event: 'subscribe', id: 4, data: { topics: ['values.4', 'values.5', 'values.6'] } },
    ];
    const outcomes = [PLAIN, GUARDED].map(gateway =>
      conversation(gateway, messages, { limits: { topicsPerConnection: 7 } }),
    );
    // Topics of one message do not wait for each other, so each has its answer in its own time.
    const [plain, guarded] = (await Promise.all(outcomes)).map(({ frames, topics: names }) => ({
      frames: frames.map(frame => JSON.stringify(frame)).sort(),
      names: [...names].sort(),
    }));
    expect(plain).toEqual(guarded);
    expect(plain!.names).toEqual(['promised', 'silent', 'values.3', 'values.4', 'values.5', 'values.6']);
  });

  it.each([
    ['at once', PLAIN],
    ['on their way', GUARDED],
  ])('no more topics than a client may have, those included that are answered %s', async (_, gateway) => {
    const { frames, topics } = await conversation(
      gateway,
      [
        { event: 'subscribe', id: 1, data: { topic: 'silent' } },
        { event: 'subscribe', id: 2, data: { topics: ['values.1', 'values.2', 'values.3'] } },
        { event: 'subscribe', id: 3, data: { topic: 'values.4' } },
      ],
      { limits: { topicsPerConnection: 3 } },
    );
    expect(topics).toEqual(['silent', 'values.1', 'values.2']);
    const refused = frames.filter(({ data }) => data.code === 'TOO_MANY_TOPICS');
    expect(refused.map(({ data }) => data.topic)).toEqual(['values.3', 'values.4']);
  });

  it('one at a time and in order, however each of them answers', async () => {
    const messages = ['promise', 'count', 'many', 'throws', 'count', 'rejects', 'body', 'promised many'].map(
      (event, id) => ({ event, id, data: id }),
    );
    const { frames } = await expectSame([...messages, ...messages]);
    // A stream has a frame for each of its two values, and one for its end.
    const ids = [0, 1, 2, 2, 2, 3, 4, 5, 6, 7, 7, 7];
    expect(frames.map(({ id }) => id)).toEqual([...ids, ...ids, 'last']);
  });
});

it.each([
  ['nothing', nothing as MethodDecorator, ['call 1', 'call 2', 'microtask', 'microtask']],
  ['a guard', UseGuards(Harmless), ['call 1', 'microtask', 'call 2', 'microtask']],
])(
  'between two messages of one chunk no promise is waited for with %s around the handler',
  async (_, enhance, order) => {
    const seen: string[] = [];

    @WebSocketGateway()
    class OrderGateway {
      @SubscribeMessage('call')
      @enhance
      call(@MessageBody() data: number) {
        seen.push(`call ${data}`);
        queueMicrotask(() => seen.push('microtask'));
        return data;
      }
    }

    const client = await Client.connect((await startApp({ providers: [OrderGateway] })).url);
    const { _socket: socket } = client.socket as unknown as { _socket: Socket };
    socket.cork();
    for (const data of [1, 2]) client.send({ event: 'call', data });
    socket.uncork();
    await client.until(() => client.frames.length === 2);
    expect(seen).toEqual(order);
  },
);

describe('what stands around a handler', () => {
  const seen: string[] = [];

  class Doubling implements PipeTransform {
    transform(value: unknown) {
      return typeof value === 'number' ? value * 2 : value;
    }
  }

  @Catch()
  class Answering implements ExceptionFilter {
    catch(_: unknown, host: { switchToWs(): { getClient(): WebSocket } }) {
      host.switchToWs().getClient().send('{"event":"filtered"}');
    }
  }

  @WebSocketGateway()
  class MixedGateway {
    // Properties hide the methods that carry the decorators, as in classes that bind their handlers.
    constructor() {
      Object.assign(this, { bound: (data: unknown) => ({ event: 'bound', data }) });
    }

    @SubscribeMessage('bound')
    bound(@MessageBody() data: unknown): unknown {
      return { never: data };
    }

    @SubscribeMessage('pipe of a parameter')
    pipeOfParameter(@MessageBody(Doubling) data: unknown) {
      return data;
    }

    @SubscribeMessage('pipe of a method')
    @UsePipes(Doubling)
    pipeOfMethod(@MessageBody() data: unknown) {
      return data;
    }

    @SubscribeMessage('filter')
    @UseFilters(Answering)
    filter() {
      throw new Error('SECRET');
    }

    @SubscribeMessage('interceptor')
    @UseInterceptors({
      intercept: (context: ExecutionContext, next: { handle(): any }) => {
        seen.push(Reflect.getMetadata('mark', context.getHandler()));
        return next.handle();
      },
    })
    @SetMetadata('mark', 'read by the interceptor')
    interceptor() {
      return 'intercepted';
    }

    @SubscribeMessage('number')
    number(@MessageBody() data: unknown) {
      return data;
    }
  }

  async function client(configure?: (app: any) => void): Promise<Client> {
    return Client.connect((await startApp({ providers: [MixedGateway], configure })).url);
  }

  it('keeps it from being called directly, on whatever level', async () => {
    const asking = await client();
    expect((await asking.request('pipe of a parameter', 4)).data).toBe(8);
    expect((await asking.request('pipe of a method', 4)).data).toBe(8);
    expect((await asking.request('number', 4)).data).toBe(4);
    expect((await asking.request('interceptor')).data).toBe('intercepted');
    expect(seen).toEqual(['read by the interceptor']);
    asking.send({ event: 'filter' });
    await asking.next(frame => frame.event === 'filtered');
  });

  it('may be global', async () => {
    const asking = await client(app => app.useGlobalPipes(new Doubling()));
    expect((await asking.request('number', 4)).data).toBe(8);
  });

  it('is what there was when the application started, as under adapters of Nest', async () => {
    const { app, url } = await startApp({ providers: [MixedGateway] });
    app.useGlobalPipes(new Doubling());
    const asking = await Client.connect(url);
    expect((await asking.request('number', 4)).data).toBe(4);
    expect((await asking.request('pipe of a method', 4)).data).toBe(8);
  });

  it('is nothing: a handler may be an arrow function in a property', async () => {
    expect(await (await client()).request('bound', 5)).toEqual({ event: 'bound', id: 1, data: 5 });
  });
});
