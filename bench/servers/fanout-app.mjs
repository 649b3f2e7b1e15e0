import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, Connections, FanoutMetrics, FanoutModule, Topic } from 'nestjs-fanout';
import { PATH, topicName } from '../message.mjs';
import { decorateMethod } from './decorate.mjs';
import { laggardWatch } from './laggard-watch.mjs';
import { serve } from './serve.mjs';

class BenchGateway {}

class BenchModule {}

/**
 * A real Nest application with this library as npm would install it (dist/, by the package's name), and its answers to
 * the runner. What differs from the defaults comes as JSON in the environment, for the shapes that are about an option.
 *
 * @param {Record<string, (args: any) => unknown>} [extra] further answers
 * @param {(app: import('@nestjs/common').INestApplication) => void} [configure] called before it listens
 * @param {{ path?: string, topics?: Record<string, object>, ended?: (client: object, close: { code: number, reason: string }) => void }} [gateway]
 *   `topics`: the options of each pattern; `ended`: its `handleDisconnect`
 */
export async function serveFanout(extra = {}, configure = () => {}, { path = PATH, topics, ended } = {}) {
  const options = JSON.parse(process.env.BENCH_OPTIONS ?? '{}');
  const topicOptions = JSON.parse(process.env.BENCH_TOPIC_OPTIONS ?? '{}');
  for (const [pattern, itsOptions] of Object.entries(topics ?? { ':topic': topicOptions })) {
    BenchGateway.prototype[pattern] = function join() {};
    decorateMethod(BenchGateway, pattern, { decorator: Topic(pattern, itsOptions) });
  }
  if (ended !== undefined) BenchGateway.prototype.handleDisconnect = ended;
  WebSocketGateway({ path })(BenchGateway);
  Module({ imports: [FanoutModule.forRoot(options)], providers: [BenchGateway] })(BenchModule);

  const app = await NestFactory.create(BenchModule, { logger: false, abortOnError: false });
  configure(app);
  await app.listen(0, process.env.BENCH_HOST ?? '127.0.0.1');
  const broadcaster = app.get(Broadcaster);
  const pool = app.get(BufferPool);
  const connections = app.get(Connections);
  const metrics = app.get(FanoutMetrics);

  serve({
    port: app.getHttpServer().address().port,
    publish(topic, messages) {
      const name = topicName(topic);
      for (const message of messages) broadcaster.publish(name, message);
    },
    slabs: () => pool.stats().taken,
    flushes: () => metrics.snapshot().flushes,
    extra: {
      ...laggardWatch({ broadcaster, connections }),
      leftBehind: () => ({ buffersInUse: pool.stats().inUse, connectionsLeft: connections.size }),
      ...extra,
    },
  });
}
