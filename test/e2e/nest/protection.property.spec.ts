import 'reflect-metadata';
import { type Provider } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type RunningApp, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { expectationOf } from './fixtures/gateway-model.js';
import {
  anyGateway,
  type EnhancerPlan,
  enhancerPlan,
  type GatewayPlan,
  METHODS,
  soundGateways,
} from './fixtures/gateway-plan.js';
import { asked, buildGateway, enhancerOf } from './fixtures/random-gateway.js';

/** Applications of ten sound gateways, and applications of one that may not start: 2,000 gateways together. */
const RUNS = Number(process.env.FANOUT_PROPERTY_RUNS ?? 160);
const GATEWAYS = 10;
const SINGLE_RUNS = 2.5 * RUNS;

const seed = Number(process.env.FANOUT_PROPERTY_SEED ?? 12);

const TOKENS = { guard: APP_GUARD, interceptor: APP_INTERCEPTOR, pipe: APP_PIPE } as const;

function globalProvider(plan: EnhancerPlan): Provider {
  const enhancer = enhancerOf(plan);
  return typeof enhancer === 'function'
    ? { provide: TOKENS[plan.kind], useClass: enhancer as never }
    : { provide: TOKENS[plan.kind], useValue: enhancer };
}

function provided(plan: GatewayPlan, metatype: any): Provider[] {
  switch (plan.token) {
    case 'class':
      return [metatype];
    case 'same class':
      return [{ provide: metatype, useClass: metatype }];
    case 'name':
      return [{ provide: `the ${metatype.name}`, useClass: metatype }];
    case 'symbol':
      return [{ provide: Symbol(metatype.name), useClass: metatype }];
    case 'alias':
      return [metatype, { provide: `alias of ${metatype.name}`, useExisting: metatype }];
  }
}

/**
 * Starts the application and compares what is asked for each event and topic with what the decorators say.
 * Gives the number of routes that were served.
 */
async function check(plans: readonly GatewayPlan[], globals: readonly EnhancerPlan[]): Promise<number> {
  const gateways = plans.map((plan, at) => ({ plan, at, metatype: buildGateway(plan, at) }));
  const expected = plans.map(plan => expectationOf(plan, globals));
  const setup = {
    providers: [
      ...globals.map(globalProvider),
      ...gateways.flatMap(({ plan, metatype }) => provided(plan, metatype)),
    ],
    // A hundred questions a second are none of the matter here.
    options: { limits: { messagesPerSecond: 0, subscribesPerSecond: 0, bytesPerSecond: 0 } },
  };
  let started: RunningApp;
  try {
    started = await startApp(setup);
  } catch (error) {
    const { code } = error as { code?: string };
    if (code === 'FANOUT_ROUTE_REPLACED' && expected.some(({ replaced }) => replaced)) return 0;
    // Some versions of Nest do not build the enhancers of other providers than classes.
    if (code !== 'FANOUT_PROTECTION' || plans.every(isClass)) throw error;
    return check(
      plans.map(plan => ({ ...plan, token: 'class' })),
      globals,
    );
  }
  let served = 0;
  expect(expected.some(({ replaced }) => replaced)).toBe(false);
  for (const { at } of gateways) {
    const client = await Client.connect(`${started.url}/${at}`);
    for (const method of METHODS) {
      const { event, topic } = expected[at]!.methods[method]!;
      served += Number(event !== undefined) + Number(topic !== undefined);
      expect(await outcome(() => client.request(method, 'x')), `${at} ${method}`).toEqual(event);
      expect(await outcome(() => client.subscribe(`t.${method}`)), `${at} t.${method}`).toEqual(topic);
    }
    await client.close();
  }
  await started.app.close();
  return served;
}

function isClass({ token }: GatewayPlan): boolean {
  return token === 'class' || token === 'alias';
}

/** What was asked for one request, in order; undefined when nobody serves it. */
async function outcome(request: () => Promise<any>): Promise<readonly string[] | undefined> {
  asked.length = 0;
  const { data } = await request();
  return data?.code?.startsWith('UNKNOWN_') ? undefined : [...asked];
}

describe('a random gateway', () => {
  it('asks everything that its decorators say, for each route', async () => {
    let routes = 0;
    const sound = fc.asyncProperty(
      soundGateways(GATEWAYS),
      fc.array(enhancerPlan, { maxLength: 2 }),
      async (plans, globals) => void (routes += await check(plans, globals)),
    );
    await fc.assert(sound, { numRuns: RUNS, seed });
    // Most of them start, and most have routes.
    expect(routes).toBeGreaterThan(RUNS);
  }, 600_000);

  it('does not start when a function with a topic has been replaced', async () => {
    const outcomes = { started: 0, refused: 0 };
    const any = fc.asyncProperty(anyGateway, async plan => {
      const { replaced } = expectationOf(plan, []);
      await check([plan], []);
      outcomes[replaced ? 'refused' : 'started']++;
    });
    await fc.assert(any, { numRuns: SINGLE_RUNS, seed });
    expect(Math.min(outcomes.started, outcomes.refused)).toBeGreaterThan(SINGLE_RUNS / 10);
  }, 600_000);
});
