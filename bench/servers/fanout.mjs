// What is measured: a real Nest application with this library as npm would install it (dist/, by the package's name),
// with every default, so with its heartbeat, limits and slow-consumer watch too. The peers have nothing of that.
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, Connections, FanoutModule, Topic } from 'nestjs-fanout';
import { PATH, TOPIC } from '../message.mjs';
import { serve } from './serve.mjs';

class BenchGateway {
  join() {}
}

class BenchModule {}

// The bench is plain JavaScript, to run without a build of its own; so decorators are called instead of written.
// This is what TypeScript emits for `@WebSocketGateway({ path })`, `@Topic(TOPIC) join() {}` and `@Module(…)`.
decorateMethod(BenchGateway, 'join', Topic(TOPIC));
WebSocketGateway({ path: PATH })(BenchGateway);
Module({ imports: [FanoutModule.forRoot()], providers: [BenchGateway] })(BenchModule);

function decorateMethod(target, name, decorator) {
  // What `emitDecoratorMetadata` adds: the parameter types, here of a method without parameters.
  Reflect.defineMetadata('design:paramtypes', [], target.prototype, name);
  decorator(target.prototype, name, Object.getOwnPropertyDescriptor(target.prototype, name));
}

const app = await NestFactory.create(BenchModule, { logger: false, abortOnError: false });
await app.listen(0, '127.0.0.1');
const broadcaster = app.get(Broadcaster);
const pool = app.get(BufferPool);
const connections = app.get(Connections);

serve({
  port: app.getHttpServer().address().port,
  publish(messages) {
    for (const message of messages) broadcaster.publish(TOPIC, message);
  },
  // A flush takes one slab for its batch: one topic, one wire format, and less than a slab's 64 KiB.
  flushes: () => pool.stats().taken,
  extra: {
    leftBehind: () => ({ buffersInUse: pool.stats().inUse, connectionsLeft: connections.size }),
  },
});
