// What is measured: a real Nest application with this library as npm would install it (dist/, by the package's name),
// with every default, so with its heartbeat, limits and slow-consumer watch too. The peers have nothing of that.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, Connections, FanoutModule, Topic } from 'nestjs-fanout';
import { PATH, topicName } from '../message.mjs';
import { decorateMethod } from './decorate.mjs';
import { serve } from './serve.mjs';

class BenchGateway {
  join() {}
}

class BenchModule {}

// What differs from the defaults, as JSON, for the shapes that are about an option.
const options = JSON.parse(process.env.BENCH_OPTIONS ?? '{}');

decorateMethod(BenchGateway, 'join', { decorator: Topic(':topic') });
WebSocketGateway({ path: PATH })(BenchGateway);
Module({ imports: [FanoutModule.forRoot(options)], providers: [BenchGateway] })(BenchModule);

const app = await NestFactory.create(BenchModule, { logger: false, abortOnError: false });
await app.listen(0, '127.0.0.1');
const broadcaster = app.get(Broadcaster);
const pool = app.get(BufferPool);
const connections = app.get(Connections);

serve({
  port: app.getHttpServer().address().port,
  publish(topic, messages) {
    const name = topicName(topic);
    for (const message of messages) broadcaster.publish(name, message);
  },
  slabs: () => pool.stats().taken,
  extra: {
    leftBehind: () => ({ buffersInUse: pool.stats().inUse, connectionsLeft: connections.size }),
  },
});
