// Peer: what an application under WsAdapter writes by itself, a Map of Sets behind two handlers.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { STORM_PATH } from '../storm-topics.mjs';
import { answerOnly } from './answer-only.mjs';
import { decorateMethod } from './decorate.mjs';

class StormGateway {
  rooms = new Map();
  roomsOf = new Map();

  subscribe({ topic, topics = [topic] }, client) {
    let own = this.roomsOf.get(client);
    if (own === undefined) this.roomsOf.set(client, (own = new Set()));
    for (const name of topics) {
      let clients = this.rooms.get(name);
      if (clients === undefined) this.rooms.set(name, (clients = new Set()));
      clients.add(client);
      own.add(name);
    }
    return { event: 'subscribed', data: { topics } };
  }

  unsubscribe({ topic, topics = [topic] }, client) {
    for (const name of topics) this.leave(name, client);
    return { event: 'unsubscribed', data: { topics } };
  }

  handleDisconnect(client) {
    for (const name of this.roomsOf.get(client) ?? []) this.leave(name, client);
    this.roomsOf.delete(client);
  }

  leave(name, client) {
    const clients = this.rooms.get(name);
    this.roomsOf.get(client)?.delete(name);
    if (clients?.delete(client) && clients.size === 0) this.rooms.delete(name);
  }
}

class StormModule {}

const parameters = [MessageBody(), ConnectedSocket()];
decorateMethod(StormGateway, 'subscribe', { decorator: SubscribeMessage('subscribe'), parameters });
decorateMethod(StormGateway, 'unsubscribe', { decorator: SubscribeMessage('unsubscribe'), parameters });
WebSocketGateway({ path: STORM_PATH })(StormGateway);
Module({ providers: [StormGateway] })(StormModule);

const app = await NestFactory.create(StormModule, { logger: false, abortOnError: false });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
const { rooms, roomsOf } = app.get(StormGateway);

answerOnly(app.getHttpServer().address().port, {
  leftBehind: () => ({
    topics: rooms.size,
    subscriptions: [...roomsOf.values()].reduce((sum, { size }) => sum + size, 0),
  }),
});
