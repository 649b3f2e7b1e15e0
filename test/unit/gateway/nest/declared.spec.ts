import { UseGuards, UseInterceptors, UsePipes } from '@nestjs/common';
import { MessageBody } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { declaredRoute, keepsMetadata } from '../../../../lib/gateway/nest/declared.js';
import { WsParamtype } from '../../../../lib/gateway/nest/private-api.js';

class OfClass {
  canActivate(): boolean {
    return true;
  }
}
class OfMethod extends OfClass {}
class Added extends OfClass {}
const pipe = { transform: (value: unknown) => value };
const interceptor = { intercept: () => undefined as never };

@UseGuards(OfClass)
@UseInterceptors(interceptor)
class Market {
  @UseGuards(OfMethod)
  @UsePipes(pipe)
  prices(@MessageBody('symbol', pipe) symbol: string): string {
    return symbol;
  }

  bare(): void {}
}

describe('declaredRoute', () => {
  it('has the enhancers of the class before those of the method', () => {
    const route = declaredRoute(Market, 'prices');
    expect(route).toMatchObject({
      name: 'Market.prices',
      method: 'prices',
      handler: Market.prototype.prices,
    });
    expect(route.guards).toEqual([OfClass, OfMethod]);
    expect([route.pipes, route.interceptors, route.filters]).toEqual([[pipe], [interceptor], []]);
  });

  it('has the decorators of each parameter, and its type', () => {
    expect(declaredRoute(Market, 'prices').parameters).toEqual([
      expect.objectContaining({
        index: 0,
        type: WsParamtype.PAYLOAD,
        data: 'symbol',
        pipes: [pipe],
        metatype: String,
      }),
    ]);
  });

  it('gives a method without parameter decorators the client and the data', () => {
    const { parameters } = declaredRoute(Market, 'bare');
    expect(parameters.map(({ index, type }) => [index, type])).toEqual([
      [0, WsParamtype.SOCKET],
      [1, WsParamtype.PAYLOAD],
    ]);
  });

  it('adds the enhancers of a function that a constructor has put in the place of the method', () => {
    const own = (symbol: string): string => symbol;
    UseGuards(OfMethod, Added)(own);
    const { guards, handler } = declaredRoute(Market, 'prices', { prices: own });
    expect(guards).toEqual([OfClass, OfMethod, Added]);
    expect(handler).toBe(Market.prototype.prices);
  });
});

describe('keepsMetadata', () => {
  const guarded = (...guards: Function[]): Function => {
    const method = (): void => {};
    UseGuards(...guards)(method);
    return method;
  };

  it('is true for a function with all enhancers of the other', () => {
    const written = guarded(OfClass);
    expect(keepsMetadata(written, written)).toBe(true);
    expect(keepsMetadata(guarded(OfClass, Added), written)).toBe(true);
    expect(keepsMetadata(() => {}, undefined)).toBe(true);
  });

  it('is false for a function that has lost one', () => {
    expect(keepsMetadata(() => {}, guarded(OfClass))).toBe(false);
    expect(keepsMetadata(guarded(Added), guarded(OfClass, Added))).toBe(false);
  });
});
