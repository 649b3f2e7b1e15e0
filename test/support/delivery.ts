import type { INestApplication, NestApplicationOptions, Provider } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { Broadcaster, BufferPool, Connections, type FanoutOptions } from 'nestjs-fanout';
import { startApp } from './app.js';
import { eventually } from './client.js';

/** What of the delivery core no user can see, and tests look at to find what it left behind. */
export interface Core {
  /** Bytes kept only for those who are behind. */
  readonly backlog: { readonly used: number };
  /** Bytes of all histories. */
  readonly history: { readonly used: number };
  /** Connections that are behind. */
  readonly laggards: { readonly size: number };
  /** How often a stretch of a log was encoded for those who recover or are behind. */
  readonly segments: { readonly encoded: number };
  /** Topics that exist. */
  readonly topics: { readonly size: number };
}

/** An application and what most tests of delivery look at. Without heartbeat, so that nobody ends but for the delivery. */
export async function startDelivery(
  providers: Provider[],
  options: FanoutOptions = {},
  nest?: NestApplicationOptions,
) {
  const { app, url, get } = await startApp({ providers, options: { heartbeat: false, ...options }, nest });
  return {
    app,
    url,
    get,
    core: coreOf(app),
    broadcaster: get(Broadcaster),
    connections: get(Connections),
    pool: get(BufferPool),
  };
}

/** Waits until nothing is kept for anybody. */
export async function atRest({ core, pool }: { core: Core; pool: BufferPool }): Promise<void> {
  await eventually(() => pool.stats().inUse === 0, 'the return of every slab');
  await eventually(() => core.laggards.size === 0 && core.backlog.used === 0, 'the end of the backlog');
}

function coreOf(app: INestApplication): Core {
  const providers = [...app.get(ModulesContainer).values()].flatMap(module => [...module.providers.values()]);
  const runtime = providers.find(({ token }) => String(token) === 'Symbol(fanout:runtime)');
  return (runtime!.instance as { delivery: Core }).delivery;
}
