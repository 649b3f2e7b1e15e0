import { describe, expect, it } from 'vitest';
import { WsParamtype } from '../../../../lib/gateway/nest/private-api.js';
import { contextOf, readerOf } from '../../../../lib/gateway/protection/parameters.js';

class Market {}

const ROUTE = { metatype: Market, handler: () => {} } as never;

const client = {} as never;

const read = (parameter: object, data: unknown = { symbol: 'A' }, invocation: object = {}): unknown =>
  readerOf(parameter as never, ROUTE)(client, data, invocation as never, 'prices');

describe('readerOf', () => {
  it('reads the socket, the payload and a property of the payload', () => {
    expect(read({ type: WsParamtype.SOCKET })).toBe(client);
    expect(read({ type: WsParamtype.PAYLOAD })).toEqual({ symbol: 'A' });
    expect(read({ type: WsParamtype.PAYLOAD, data: 'symbol' })).toBe('A');
    expect(read({ type: WsParamtype.PAYLOAD, data: 'symbol' }, null)).toBeUndefined();
  });

  it('gives the function that answers a message', () => {
    const answers: unknown[] = [];
    const acknowledge = read(
      { type: WsParamtype.ACK },
      {},
      { acknowledge: (value: unknown) => answers.push(value) },
    );
    (acknowledge as (value: unknown) => void)('got it');
    expect(answers).toEqual(['got it']);
  });

  it('gives a decorator of the application its argument and the context of the call', () => {
    const factory = (data: unknown, context: any): unknown => [
      data,
      context.getType(),
      context.getClass(),
      context.switchToWs().getClient(),
      context.switchToWs().getData(),
      context.switchToWs().getPattern(),
    ];
    expect(read({ type: 'own', data: 'argument', factory })).toEqual([
      'argument',
      'ws',
      Market,
      client,
      { symbol: 'A' },
      'prices',
    ]);
  });

  it('leaves any other kind to Nest', () => {
    expect(read({ type: 99 })).toBeNull();
  });
});

describe('contextOf', () => {
  it('has the class and the decorated method', () => {
    const context = contextOf([] as never, ROUTE);
    expect([context.getClass(), context.getType()]).toEqual([Market, 'ws']);
  });
});
