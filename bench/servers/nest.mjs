// What Nest applications do today: `WsAdapter` of @nestjs/platform-ws, and for each publication a loop over the clients
// that asked for its topic, with `client.send(JSON.stringify(…))`.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { PATH, publication, topicName } from '../message.mjs';
import { decorateMethod } from './decorate.mjs';
import { subscribedTo } from './progress.mjs';
import { serve } from './serve.mjs';
import { Subscribers } from './subscribers.mjs';

class BenchGateway {
  subscribers = new Subscribers();

  subscribe(data, client) {
    for (const topic of data.topics ?? [data.topic]) {
      this.subscribers.add(topic, client);
      client.send(JSON.stringify({ event: 'subscribed', data: subscribedTo(topic) }));
    }
  }

  handleDisconnect(client) {
    this.subscribers.delete(client);
  }

  publish(topic, offset, message) {
    const name = topicName(topic);
    for (const client of this.subscribers.of(topic)) {
      if (client.readyState === client.OPEN) client.send(JSON.stringify(publication(name, offset, message)));
    }
  }
}

class BenchModule {}

decorateMethod(BenchGateway, 'subscribe', {
  decorator: SubscribeMessage('subscribe'),
  parameters: [MessageBody(), ConnectedSocket()],
});
WebSocketGateway({ path: PATH })(BenchGateway);
Module({ providers: [BenchGateway] })(BenchModule);

const app = await NestFactory.create(BenchModule, { logger: false, abortOnError: false });
app.useWebSocketAdapter(new WsAdapter(app));
await app.listen(0, '127.0.0.1');
const gateway = app.get(BenchGateway);

serve({
  port: app.getHttpServer().address().port,
  publish(topic, messages, firstSeq) {
    for (let i = 0; i < messages.length; i++) gateway.publish(topic, firstSeq + i, messages[i]);
  },
});
