import { FanoutModule, type FanoutOptions, type FlushOptions, Topic } from 'nestjs-fanout';
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
    // @ts-expect-error -- a number of publications
    Topic('a', { history: true });
  });
});
