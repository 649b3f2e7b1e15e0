import 'reflect-metadata';
import { Inject, Injectable, Module, Scope } from '@nestjs/common';
import { ModulesContainer, NestFactory, REQUEST } from '@nestjs/core';
import { WebSocketServer } from '@nestjs/websockets';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { connectionContext, scopedInstance } from '../../../../lib/gateway/session/connection-context.js';
import { attachSession } from '../../../../lib/gateway/session/client-session.js';

@Injectable({ scope: Scope.REQUEST })
class Room {
  @WebSocketServer() server: unknown;

  constructor(@Inject(REQUEST) readonly client: unknown) {}
}

@Module({ providers: [Room] })
class RoomModule {}

let app: Awaited<ReturnType<typeof NestFactory.createApplicationContext>>;

beforeEach(async () => {
  app = await NestFactory.createApplicationContext(RoomModule, { logger: false });
});

afterEach(() => app.close());

/** Nest's wrapper of the gateway. */
function wrapperOf(): never {
  const module = [...app.get(ModulesContainer).values()].find(({ metatype }) => metatype === RoomModule)!;
  return module.providers.get(Room) as never;
}

function clientOf(server: object): never {
  const client = {};
  attachSession(client as never, { endpoint: { server } } as never);
  return client as never;
}

describe('connectionContext', () => {
  it('is one for the life of a connection, and another for each connection', () => {
    const [one, other] = [clientOf({}), clientOf({})];
    expect(connectionContext(wrapperOf(), one)).toBe(connectionContext(wrapperOf(), one));
    expect(connectionContext(wrapperOf(), one)).not.toBe(connectionContext(wrapperOf(), other));
  });
});

describe('scopedInstance', () => {
  it('is the same gateway for each call of a connection, with its socket and its server', async () => {
    const server = {};
    const client = clientOf(server);
    const room = (await scopedInstance(wrapperOf(), client)) as Room;
    expect(room.client).toBe(client);
    expect(room.server).toBe(server);
    expect(await scopedInstance(wrapperOf(), client)).toBe(room);
    expect(await scopedInstance(wrapperOf(), clientOf(server))).not.toBe(room);
  });
});
