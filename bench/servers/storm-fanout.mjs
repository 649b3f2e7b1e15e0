// What is measured: all defaults, but for the limits of what a client may send and ask for in a second.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, FanoutModule, Topic } from 'nestjs-fanout';
import { roomName, STORM_PATH, TOPICS } from '../storm-topics.mjs';
import { answerOnly } from './answer-only.mjs';
import { decorateMethod } from './decorate.mjs';

class StormGateway {
  join() {}
}

class StormModule {}

decorateMethod(StormGateway, 'join', { decorator: Topic('room.:number') });
WebSocketGateway({ path: STORM_PATH })(StormGateway);
Module({
  imports: [
    FanoutModule.forRoot({ limits: { messagesPerSecond: 0, bytesPerSecond: 0, subscribesPerSecond: 0 } }),
  ],
  providers: [StormGateway],
})(StormModule);

const app = await NestFactory.create(StormModule, { logger: false, abortOnError: false });
await app.listen(0, '127.0.0.1');
const broadcaster = app.get(Broadcaster);
const nowhere = await broadcaster.position('nobody.listens');

answerOnly(app.getHttpServer().address().port, {
  async leftBehind() {
    const rooms = Array.from({ length: TOPICS }, (_, i) => roomName(i));
    const positions = await Promise.all(rooms.map(room => broadcaster.position(room)));
    return {
      // A topic that is there has a position of its own.
      topics: positions.filter(position => position !== nowhere).length,
      subscriptions: [...app.get(Connections)].reduce((sum, { topics }) => sum + topics.size, 0),
    };
  },
});
