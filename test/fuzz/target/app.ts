// The application under attack: a process of its own, started by ../target.ts, which it tells what it counts and what it has failed at.
import 'reflect-metadata';
import { readFileSync } from 'node:fs';
import type { Server } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { Broadcaster, BufferPool, Connections, FanoutMetrics, FanoutModule } from '../../../lib/index.js';
import { Faults } from './faults.js';
import { Feed, GATEWAYS } from './gateways.js';
import { options } from './options.js';
import { sabotage } from './sabotage.js';
import { census } from './census.js';

const faults = new Faults();

@Module({ imports: [FanoutModule.forRoot(options)], providers: [Feed, ...GATEWAYS] })
class AppModule {}

const { FUZZ_CERTIFICATE: certificate, FUZZ_SABOTAGE: sabotaged } = process.env;
const app = await NestFactory.create(AppModule, {
  logger: faults.logger,
  abortOnError: false,
  ...(certificate === undefined ? {} : { httpsOptions: JSON.parse(readFileSync(certificate, 'utf8')) }),
});
await app.listen(0, '127.0.0.1');
const server = app.getHttpServer() as Server;
if (sabotaged !== undefined) sabotage(sabotaged, server);

const feed = app.get(Feed);
const metrics = app.get(FanoutMetrics);
const count = census({
  server,
  connections: app.get(Connections),
  broadcaster: app.get(Broadcaster),
  pool: app.get(BufferPool),
  modules: app.get(ModulesContainer),
});

const answers: Record<string, () => unknown> = {
  port: () => (server.address() as { port: number }).port,
  /** What there is now, and what has gone wrong since the last time. */
  state: async () => ({ ...(await count()), faults: faults.taken() }),
  /** The last publication of the feed, which everybody subscribed must get. */
  newest: () => feed.newest(),
  memory: async () => {
    globalThis.gc!();
    // What the first has freed lets go of more: handles that close, and what hangs on them.
    await sleep(100);
    globalThis.gc!();
    const { heapUsed, external, rss } = process.memoryUsage();
    return { kept: heapUsed + external, rss };
  },
  rejected: () => metrics.rejected,
};

process.on('message', async ({ id, method }: { id: number; method: string }) => {
  try {
    process.send!({ id, result: await answers[method]!() });
  } catch (error) {
    process.send!({ id, error: String(error) });
  }
});
process.on('disconnect', () => process.exit());
process.on('SIGINT', () => {});
