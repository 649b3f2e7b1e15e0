import { Catch } from '@nestjs/common';
import { lastValueFrom, map, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../../../lib/gateway/nest/invocation.js';
import { enhancedHandler, type Enhancers } from '../../../../lib/gateway/protection/enhanced-handler.js';

class Market {}

const invocation = (more: Partial<Invocation> = {}): Invocation => ({ streamed: stream => stream, ...more });

function call(
  enhancers: Partial<Enhancers>,
  method: (...args: any[]) => unknown = () => 'done',
  ofCall: Partial<Invocation> = {},
): any {
  const route = { metatype: Market, handler: method, method: 'prices' };
  const none = { guards: [], pipes: [], interceptors: [], filters: [], parameters: [] };
  const handle = enhancedHandler(route as never, new Market(), method, { ...none, ...enhancers });
  return handle({} as never, { symbol: 'A' }, invocation(ofCall), 'event');
}

const guard = (answer: unknown) => ({ canActivate: () => answer as never });

const body = { index: 0, read: (_: unknown, data: unknown) => data, type: 3, pipes: [] } as never;

const failing = (): never => {
  throw new RangeError('broken');
};

describe('enhancedHandler', () => {
  it('calls the method when every guard passes', async () => {
    expect(await call({ guards: [guard(true), guard(Promise.resolve(true)), guard(of(false, true))] })).toBe(
      'done',
    );
  });

  it.each([false, undefined, Promise.resolve(false), of(true, false)])(
    'does not call the method when a guard answers %o',
    async answer => {
      let called = false;
      await expect(call({ guards: [guard(true), guard(answer)] }, () => (called = true))).rejects.toThrow(
        'Forbidden resource',
      );
      expect(called).toBe(false);
    },
  );

  it('gives each parameter to the pipes for all, and then to its own', async () => {
    const append = (text: string) => ({ transform: (value: any) => ({ symbol: value.symbol + text }) });
    const parameters = [{ ...(body as object), pipes: [append('c')] } as never];
    expect(await call({ pipes: [append('b')], parameters }, ({ symbol }) => symbol)).toBe('Abc');
  });

  it('puts the first interceptor around the others', async () => {
    const around = (text: string) => ({
      intercept: (_: unknown, next: any) => next.handle().pipe(map(value => `${text}(${String(value)})`)),
    });
    const result = await call({ interceptors: [around('a'), around('b')] as never });
    expect(await lastValueFrom(result)).toBe('a(b(done))');
  });

  it('asks the last filter that catches the type first, and tells the invocation', async () => {
    const asked: string[] = [];
    @Catch(TypeError)
    class OfTypes {
      catch(): void {
        asked.push('types');
      }
    }
    @Catch(RangeError)
    class OfRanges {
      catch(): void {
        asked.push('ranges');
      }
    }
    @Catch()
    class OfAll {
      catch(): void {
        asked.push('all');
      }
    }
    let filtered = 0;
    const tell = { filtered: () => void filtered++ };
    const result = await call({ filters: [new OfAll(), new OfRanges(), new OfTypes()] }, failing, tell);
    expect([asked, filtered, result]).toEqual([['ranges'], 1, undefined]);
  });

  it('throws an exception that no filter catches', async () => {
    @Catch(TypeError)
    class OfTypes {
      catch(): void {}
    }
    await expect(call({ filters: [new OfTypes()] }, failing)).rejects.toThrow(RangeError);
  });

  it('has the filters for a stream too, unless it feeds a topic', async () => {
    @Catch()
    class OfAll {
      catch(): void {}
    }
    const filters = [new OfAll()];
    const stream = (): unknown => throwError(() => new RangeError('broken'));
    const ofRequest = await call({ filters }, stream);
    expect(await lastValueFrom(ofRequest, { defaultValue: 'ended' })).toBe('ended');
    const ofTopic = await call({ filters }, stream, { feedsTopic: () => true });
    await expect(lastValueFrom(ofTopic)).rejects.toThrow(RangeError);
  });
});
