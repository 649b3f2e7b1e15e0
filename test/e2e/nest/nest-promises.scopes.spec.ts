import {
  type CanActivate,
  Inject,
  Injectable,
  Module,
  type PipeTransform,
  Scope,
  UseGuards,
  UsePipes,
} from '@nestjs/common';
import { REQUEST } from '@nestjs/core';
import { ConnectedSocket, SubscribeMessage, WebSocketGateway, WebSocketServer } from '@nestjs/websockets';
import { Broadcaster, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { WebSocket, WebSocketServer as WsServer } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

@Injectable({ scope: Scope.REQUEST })
class Basket {
  static made = 0;
  readonly number = ++Basket.made;
  items = 0;

  constructor(@Inject(REQUEST) readonly socket: WebSocket) {}
}

@Injectable({ scope: Scope.REQUEST })
class OwnBasketGuard implements CanActivate {
  static readonly baskets: number[] = [];

  constructor(private readonly basket: Basket) {}

  canActivate(): boolean {
    OwnBasketGuard.baskets.push(this.basket.number);
    return this.basket.items < 2;
  }
}

@Injectable({ scope: Scope.REQUEST })
class NumberPipe implements PipeTransform {
  constructor(private readonly basket: Basket) {}

  transform(value: unknown) {
    return value === 'basket number' ? this.basket.number : value;
  }
}

@WebSocketGateway()
class BasketGateway {
  static made = 0;
  static readonly left: number[] = [];
  @WebSocketServer()
  readonly server!: WsServer;
  connected = false;

  constructor(
    private readonly basket: Basket,
    @Inject(REQUEST) private readonly request: WebSocket,
  ) {
    BasketGateway.made++;
  }

  handleConnection(): void {
    this.connected = true;
  }

  handleDisconnect(): void {
    BasketGateway.left.push(this.basket.number);
  }

  @SubscribeMessage('add')
  @UseGuards(OwnBasketGuard)
  add() {
    return ++this.basket.items;
  }

  @SubscribeMessage('facts')
  facts(@ConnectedSocket() socket: WebSocket) {
    return {
      requestIsSocket: this.request === socket && this.basket.socket === socket,
      connected: this.connected,
      clients: this.server.clients.size,
    };
  }

  @SubscribeMessage('number')
  @UsePipes(NumberPipe)
  number(_: WebSocket, data: unknown) {
    return data;
  }

  @Topic('basket')
  topic() {
    return this.basket.items;
  }
}

@WebSocketGateway()
class StaticGateway {
  @SubscribeMessage('guarded')
  @UseGuards(OwnBasketGuard)
  guarded() {
    return 'passed';
  }
}

@WebSocketGateway()
class FragileGateway {
  constructor(@Inject(REQUEST) socket: WebSocket) {
    throw new Error(`SECRET: cannot be made for ${socket.url}`);
  }

  @SubscribeMessage('any')
  any() {}
}

@WebSocketGateway()
class FragileHookGateway extends FragileGateway {
  handleConnection(): void {}
}

describe('a request-scoped gateway', () => {
  it('has one instance for each connection, hooks and messages alike', async () => {
    const { url } = await startApp({ providers: [BasketGateway, Basket] });
    const before = BasketGateway.made;
    const [left, right] = [await Client.connect(url), await Client.connect(url)];
    expect((await left.request('add')).data).toBe(1);
    expect((await left.request('add')).data).toBe(2);
    expect((await right.request('add')).data).toBe(1);
    expect(BasketGateway.made).toBe(before + 2);
    expect((await left.request('facts')).data.connected).toBe(true);
  });

  it('gets its socket with @Inject(REQUEST), and so do its dependencies', async () => {
    const { url } = await startApp({ providers: [BasketGateway, Basket] });
    const client = await Client.connect(url);
    expect((await client.request('facts')).data.requestIsSocket).toBe(true);
  });

  it('gets the ws server in each instance', async () => {
    const { url } = await startApp({ providers: [BasketGateway, Basket] });
    const client = await Client.connect(url);
    expect((await client.request('facts')).data.clients).toBe(1);
  });

  it('shares its request-scoped providers with its guards and pipes', async () => {
    const { url } = await startApp({ providers: [BasketGateway, Basket] });
    const client = await Client.connect(url);
    const { data: number } = await client.request('number', 'basket number');
    OwnBasketGuard.baskets.length = 0;
    await client.request('add');
    await client.request('add');
    expect((await client.request('add')).data.code).toBe('FORBIDDEN');
    expect(OwnBasketGuard.baskets).toEqual([number, number, number]);
  });

  it('serves topics from the instance of the connection', async () => {
    const { url, get } = await startApp({ providers: [BasketGateway, Basket] });
    const client = await Client.connect(url);
    await client.request('add');
    expect((await client.subscribe('basket')).data.snapshot).toBe(1);
    get(Broadcaster).publish('basket', 'to all');
    expect((await client.next(frame => frame.topic === 'basket')).data).toBe('to all');
  });

  it('is told of the end in the same instance', async () => {
    const { url } = await startApp({ providers: [BasketGateway, Basket] });
    const client = await Client.connect(url);
    const { data: number } = await client.request('number', 'basket number');
    await client.close();
    await eventually(() => BasketGateway.left.includes(number));
  });

  it('works in a module of its own', async () => {
    @Module({ providers: [BasketGateway, Basket] })
    class BasketModule {}
    const { url } = await startApp({ imports: [BasketModule] });
    const client = await Client.connect(url);
    expect((await client.request('facts')).data.requestIsSocket).toBe(true);
  });

  it('that cannot be made is answered with an error frame', async () => {
    const { url } = await startApp({ providers: [FragileGateway] });
    const client = await Client.connect(url);
    expect(await client.request('any')).toEqual({
      event: 'error',
      id: 1,
      data: { code: 'INTERNAL', message: 'Internal error.' },
    });
  });

  it('that cannot be made for its hook closes the connection', async () => {
    const { url } = await startApp({ providers: [FragileHookGateway] });
    const client = await Client.connect(url);
    expect((await client.closed).code).toBe(1011);
  });
});

describe('a request-scoped guard', () => {
  it('may stand before a gateway that is not', async () => {
    const { url } = await startApp({ providers: [StaticGateway, Basket] });
    const [left, right] = [await Client.connect(url), await Client.connect(url)];
    OwnBasketGuard.baskets.length = 0;
    expect((await left.request('guarded')).data).toBe('passed');
    expect((await right.request('guarded')).data).toBe('passed');
    expect(new Set(OwnBasketGuard.baskets).size).toBe(2);
  });
});
