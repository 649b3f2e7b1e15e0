import {
  type Connection,
  FanoutModule,
  type FanoutOptions,
  type FlushOptions,
  type PresenceOptions,
  type SlowConsumerOptions,
  type SlowPolicy,
  Topic,
  type TopicHistoryOptions,
  type TopicOptions,
} from 'nestjs-fanout';
import { describe, expectTypeOf, it } from 'vitest';

describe('FlushOptions', () => {
  it('is adaptive or has a window', () => {
    expectTypeOf<{ maxDelay: number; utilisation: number; slice: number }>().toExtend<FlushOptions>();
    expectTypeOf<{ window: number; maxBytes: number }>().toExtend<FlushOptions>();
    expectTypeOf<{}>().toExtend<FlushOptions>();
  });

  it('is not both', () => {
    expectTypeOf<{ window: number; maxDelay: number }>().not.toExtend<FlushOptions>();
    expectTypeOf<{ window: number; utilisation: number }>().not.toExtend<FlushOptions>();
    // @ts-expect-error -- a window replaces maxDelay
    FanoutModule.forRoot({ flush: { window: 500, maxDelay: 50 } });
    FanoutModule.forRoot({ flush: { window: 500, slice: 4 } });
  });
});

describe('FanoutModule', () => {
  it('knows its options', () => {
    FanoutModule.forRoot();
    FanoutModule.forRoot({ heartbeat: false, compression: false, limits: { payload: 1 } });
    FanoutModule.forRoot({ heartbeat: { interval: 5 } });
    // @ts-expect-error -- misspelt
    FanoutModule.forRoot({ limits: { paylod: 1 } });
    FanoutModule.forRoot({ compression: true });
    FanoutModule.forRoot({ compression: { threshold: 1024, level: 1 } });
    // @ts-expect-error -- misspelt
    FanoutModule.forRoot({ compression: { treshold: 1024 } });
    // @ts-expect-error -- no number of anything
    FanoutModule.forRoot({ heartbeat: true });
    FanoutModule.forRoot({
      slowConsumer: { grace: 5000, budget: 1e9, policy: 'gap' },
      history: { budget: 1e9, recoveries: 100 },
    });
    // @ts-expect-error -- not every topic conflates
    FanoutModule.forRoot({ slowConsumer: { policy: 'conflate' } });
    // @ts-expect-error -- how much one topic keeps, its @Topic says
    FanoutModule.forRoot({ history: { size: 5 } });
    FanoutModule.forRootAsync({ useFactory: (): FanoutOptions => ({ flush: { window: 5 } }) });
    // @ts-expect-error -- the factory gives options
    FanoutModule.forRootAsync({ useFactory: () => 5 });
  });
});

describe('Topic', () => {
  it('knows its options', () => {
    expectTypeOf(Topic('a', { history: 5 })).toEqualTypeOf<MethodDecorator>();
    // @ts-expect-error -- misspelt
    Topic('a', { histroy: 5 });
    // @ts-expect-error -- a number of publications, or an object
    Topic('a', { history: true });
    Topic('a', { history: { size: 5, ttl: 1000, bytes: 4096 }, slow: 'gap' });
    // @ts-expect-error -- how many is the least that must be said
    Topic('a', { history: { ttl: 1000 } });
    // @ts-expect-error -- misspelt
    Topic('a', { slow: 'drop' });
    Topic('a', { conflate: true, every: 250 });
    Topic('a', { conflate: ({ symbol }: { symbol: string }) => symbol });
    // @ts-expect-error -- left out where the topic does not conflate
    Topic('a', { conflate: false });
    // @ts-expect-error -- a key is a string or a number
    Topic('a', { conflate: () => ({}) });
    Topic('a', { presence: true });
    Topic('a', { presence: { debounce: 100, members: 50 } });
    Topic('a', { presence: connection => expectTypeOf(connection).toEqualTypeOf<Connection>() });
    Topic('a', { presence: { info: connection => expectTypeOf(connection).toEqualTypeOf<Connection>() } });
    // @ts-expect-error -- misspelt
    Topic('a', { presence: { member: 50 } });
  });

  it('has names for the parts of its options', () => {
    expectTypeOf<SlowPolicy>().toEqualTypeOf<'catch-up' | 'gap' | 'conflate' | 'disconnect'>();
    expectTypeOf<TopicOptions['slow']>().toEqualTypeOf<SlowPolicy | undefined>();
    expectTypeOf<SlowConsumerOptions['policy']>().toEqualTypeOf<
      'catch-up' | 'gap' | 'disconnect' | undefined
    >();
    expectTypeOf<TopicHistoryOptions>().toExtend<NonNullable<TopicOptions['history']>>();
    expectTypeOf<PresenceOptions>().toExtend<NonNullable<TopicOptions['presence']>>();
  });
});
