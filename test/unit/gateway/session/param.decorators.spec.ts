import { describe, expect, it } from 'vitest';
import { callArguments } from '../../../../lib/gateway/nest/invocation.js';
import { ExecutionContextHost, PARAM_ARGS_METADATA } from '../../../../lib/gateway/nest/private-api.js';
import { attachSession } from '../../../../lib/gateway/session/client-session.js';
import {
  CurrentConnection,
  decoratorOf,
  TopicName,
  TopicParam,
} from '../../../../lib/gateway/session/param.decorators.js';

type Factory = (data: unknown, context: unknown) => unknown;

/** The function and the argument that a parameter decorator leaves in Nest's metadata. */
function noted(decorator: ParameterDecorator): { factory: Factory; data: unknown; pipes: unknown[] } {
  class Market {
    prices(): void {}
  }
  decorator(Market.prototype, 'prices', 0);
  // Nest itself reads the parameters of gateways from the class, and those of other methods too.
  const keys = Reflect.getMetadataKeys(Market, 'prices');
  const key = keys.find(each => each !== PARAM_ARGS_METADATA) ?? PARAM_ARGS_METADATA;
  const all = Reflect.getMetadata(key, Market, 'prices') as Record<string, never>;
  return Object.values(all)[0]!;
}

/** The value that a decorator gives a parameter of a call. */
function valueOf(decorator: ParameterDecorator, topic?: object, client: object = {}): unknown {
  const { factory, data } = noted(decorator);
  const invocation = { topic, streamed: (stream: unknown) => stream };
  const context = new ExecutionContextHost(
    callArguments(client as never, {}, invocation as never, 'subscribe'),
  );
  return factory(data, context);
}

const TOPIC = { name: 'prices.BRK~2EB', params: { symbol: 'BRK.B' } };

describe('the parameter decorators', () => {
  it('give the parameters and the name of the requested topic', () => {
    expect(valueOf(TopicParam('symbol'), TOPIC)).toBe('BRK.B');
    expect(valueOf(TopicName(), TOPIC)).toBe('prices.BRK~2EB');
  });

  it('give nothing in a call without a topic', () => {
    expect(valueOf(TopicParam('symbol'))).toBeUndefined();
    expect(valueOf(TopicName())).toBeUndefined();
  });

  it('give the connection of the client', () => {
    const client = {};
    const connection = { id: 'c' };
    attachSession(client as never, { connection } as never);
    expect(valueOf(CurrentConnection(), undefined, client)).toBe(connection);
    expect(valueOf(CurrentConnection())).toBeUndefined();
  });

  it('pass their pipes on', () => {
    const pipe = { transform: (value: unknown) => value };
    expect(noted(TopicParam('symbol', pipe))).toMatchObject({ data: 'symbol', pipes: [pipe] });
  });

  it('are told from others by their function', () => {
    expect(decoratorOf(noted(TopicParam('symbol')).factory)).toBe('TopicParam');
    expect(decoratorOf(noted(TopicName()).factory)).toBe('TopicName');
    expect(decoratorOf(noted(CurrentConnection()).factory)).toBe('CurrentConnection');
    expect(decoratorOf(() => {})).toBeUndefined();
    expect(decoratorOf(undefined)).toBeUndefined();
  });
});
