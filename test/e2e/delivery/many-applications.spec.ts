import { createHook } from 'node:async_hooks';
import type { AddressInfo } from 'node:net';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, FanoutModule, Topic } from 'nestjs-fanout';
import { expect, it, onTestFinished } from 'vitest';
import { Client } from '../../support/client.js';
import { collectGarbage } from '../../support/unit/garbage.js';

/** Applications that are started and closed, beside some that fill caches. */
const APPLICATIONS = 200;
const WARM_UP = 20;

/** Most bytes of heap that one closed application may leave behind. Measured: 13,000, with what Nest and the test keep. */
const MOST_BYTES = 40_000;

@WebSocketGateway({ path: '/' })
class Gateway {
  @Topic('news', { history: { size: 10, ttl: 3_600_000 }, presence: true })
  news(): string {
    return 'snapshot';
  }
}

@Module({ imports: [FanoutModule.forRoot({ shutdown: { drain: 1000 } })], providers: [Gateway] })
class AppModule {}

/** Starts an application, uses a connection and a topic, and closes the application. */
async function runOnce(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const client = await Client.connect(`ws://127.0.0.1:${port}/`);
  await client.subscribe('news');
  app.get(Broadcaster, { strict: false }).publish('news', 1);
  await app.close();
  await client.closed;
}

/** Timers that are set, also those that keep no process alive. */
const timers = new Set<number>();
const timerHook = createHook({
  init: (id, type) => void (type === 'Timeout' && timers.add(id)),
  destroy: id => void timers.delete(id),
});

/** Everything that keeps a process busy or alive, apart from its heap. */
function resources(): Record<string, number> {
  const counts: Record<string, number> = { timers: timers.size };
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  for (const event of process.eventNames()) counts[`on ${String(event)}`] = process.listenerCount(event);
  return counts;
}

async function heapUsed(): Promise<number> {
  // Finalizers of the first collection let go of more.
  for (let i = 0; i < 3; i++) await collectGarbage();
  return process.memoryUsage().heapUsed;
}

it(
  `leaves no timer, listener, handle or memory behind of ${APPLICATIONS} applications`,
  { timeout: 120_000 },
  async () => {
    timerHook.enable();
    onTestFinished(() => void timerHook.disable());
    for (let i = 0; i < WARM_UP; i++) await runOnce();
    const [heap, before] = [await heapUsed(), resources()];
    for (let i = 0; i < APPLICATIONS; i++) await runOnce();
    const growth = (await heapUsed()) - heap;
    expect(resources()).toEqual(before);
    expect(growth / APPLICATIONS).toBeLessThan(MOST_BYTES);
  },
);
