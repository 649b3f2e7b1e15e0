import { describe, expect, it } from 'vitest';
import type { Invocation } from '../../../../lib/gateway/nest/invocation.js';
import { directHandler, observe, parameterCount } from '../../../../lib/gateway/protection/direct-handler.js';
import type { HandlerParameter } from '../../../../lib/gateway/protection/parameters.js';

const invocation = (more: Partial<Invocation> = {}): Invocation => ({ streamed: stream => stream, ...more });

const parameter = (index: number, read: () => unknown): HandlerParameter =>
  ({ index, read, pipes: [] }) as unknown as HandlerParameter;

const call = (
  method: (...args: any[]) => unknown,
  parameters: readonly HandlerParameter[] = [],
  instance: object = {},
): unknown => directHandler(instance, method, parameters)({} as never, {}, invocation(), 'event');

describe('directHandler', () => {
  it('calls the method on its instance, with the values of its parameters', () => {
    const instance = { name: 'market' };
    const result = call(
      function (this: unknown, ...args: unknown[]) {
        return [this, ...args];
      },
      [parameter(2, () => 'c'), parameter(0, () => 'a')],
      instance,
    );
    expect(result).toEqual([instance, 'a', undefined, 'c']);
  });

  it('throws what the method throws', () => {
    const broken = new Error('broken');
    expect(() =>
      call(() => {
        throw broken;
      }),
    ).toThrow(broken);
  });

  it('calls an async method in a microtask', async () => {
    let called = false;
    const result = call(async () => void (called = true));
    expect(called).toBe(false);
    await result;
    expect(called).toBe(true);
  });

  it('awaits a promised value of a parameter', async () => {
    expect(await call((value: unknown) => value, [parameter(0, async () => 'a')])).toBe('a');
  });

  it('leaves no rejection unhandled when another parameter throws', () => {
    const broken = new Error('broken');
    const parameters = [
      parameter(0, async () => Promise.reject(new Error('later'))),
      parameter(1, () => {
        throw broken;
      }),
    ];
    expect(() => call(() => {}, parameters)).toThrow(broken);
  });
});

describe('observe', () => {
  it('tells the invocation of the call before it is made', () => {
    const steps: string[] = [];
    observe(invocation({ called: () => steps.push('called') }), () => steps.push('method'), {}, []);
    expect(steps).toEqual(['called', 'method']);
  });
});

describe('parameterCount', () => {
  it('goes up to the last decorated parameter', () => {
    expect(parameterCount([])).toBe(0);
    expect(parameterCount([parameter(3, () => 1), parameter(1, () => 1)])).toBe(4);
  });
});
