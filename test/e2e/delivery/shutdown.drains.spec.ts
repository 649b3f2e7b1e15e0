import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { Injectable, Module, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, CLOSE, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';

@WebSocketGateway()
class Gateway {
  @Topic('log')
  log(): void {}
}

@Injectable()
class Feed implements OnModuleDestroy {
  constructor(private readonly broadcaster: Broadcaster) {}

  onModuleDestroy(): void {
    this.broadcaster.publish('log', 'the end');
  }
}

/** Imported before the module that drains, so that Nest destroys it after that. */
@Module({ providers: [Feed] })
class FeedModule {}

/** Drains as Apollo does under Express: ends each socket that has no request, and waits for the server. */
class Ending implements OnModuleInit, OnModuleDestroy {
  readonly #sockets = new Set<Socket>();
  #server!: Server;
  drained = false;

  constructor(private readonly host: HttpAdapterHost) {}

  onModuleInit(): void {
    this.#server = this.host.httpAdapter.getHttpServer();
    this.#server.on('connection', socket => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
  }

  async onModuleDestroy(): Promise<void> {
    const closed = new Promise(resolve => this.#server.close(resolve));
    for (const socket of this.#sockets) socket.end();
    await closed;
    this.drained = true;
  }
}

/** Drains as Apollo does under Fastify: waits until every socket has ended. */
class Waiting implements OnModuleDestroy {
  drained = false;

  constructor(private readonly host: HttpAdapterHost) {}

  async onModuleDestroy(): Promise<void> {
    await new Promise(resolve => this.host.httpAdapter.getHttpServer().close(resolve));
    this.drained = true;
  }
}

/** A module class of that name. */
function graphqlModule<T extends typeof Ending | typeof Waiting>(Drain: T) {
  class GraphQLModule extends (Drain as typeof Waiting) {}
  Reflect.defineMetadata('design:paramtypes', [HttpAdapterHost], GraphQLModule);
  Module({})(GraphQLModule);
  return GraphQLModule;
}

describe.each([
  ['ends the sockets of the HTTP server', Ending],
  ['waits for the sockets of the HTTP server', Waiting],
])('app.close() beside a GraphQLModule that %s', (_, Drain) => {
  it('closes clients with 1012 after the last publication of onModuleDestroy, and drains then', async () => {
    const GraphQLModule = graphqlModule(Drain);
    const { app, url, get } = await startApp({ imports: [FeedModule, GraphQLModule], providers: [Gateway] });
    const client = await Client.connect(url);
    await client.subscribe('log');
    await app.close();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    expect(client.publications('log').map(({ data }) => data)).toEqual(['the end']);
    expect(get(GraphQLModule).drained).toBe(true);
  });

  it('is not held up by an upgrade that nobody takes, nor by a request that is not complete', async () => {
    const { app, url } = await startApp({
      imports: [graphqlModule(Drain)],
      providers: [Gateway],
      options: { limits: { handshake: 60_000 } },
      configure: started => void started.getHttpServer().on('upgrade', () => {}),
    });
    const unclaimed = await RawUpgrade.to(`${url}/nope`);
    const begun = await RawUpgrade.to(url, { unfinished: true });
    await app.close();
    await unclaimed.closed;
    await begun.closed;
  });

  it('does so for a class derived from it', async () => {
    class Derived extends graphqlModule(Drain) {}
    Module({})(Derived);
    Reflect.defineMetadata('design:paramtypes', [HttpAdapterHost], Derived);
    const { app, url, get } = await startApp({ imports: [Derived], providers: [Gateway] });
    const client = await Client.connect(url);
    await app.close();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    expect(get(Derived).drained).toBe(true);
  });
});
