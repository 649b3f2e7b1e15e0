import { describe, expect, it } from 'vitest';
import { GatewayHandlers } from '../../../../lib/gateway/handshake/gateway-handlers.js';

const handlers = new GatewayHandlers({
  handler: ({ name }: { name: string }, method: string) => `${name}.${method}`,
} as never);

/** A gateway with one instance. */
const gateway = (instance: object): never =>
  ({
    name: 'Market',
    handshakeGuards: [],
    metatype: class {},
    wrapper: { instance, isDependencyTreeStatic: () => true },
  }) as never;

describe('GatewayHandlers', () => {
  it('makes the handler of a method with its protection', () => {
    expect(handlers.handler(gateway({}), 'prices')).toBe('Market.prices');
  });

  it('has no guards for a gateway without any, unless there are global ones', () => {
    expect(handlers.handshakeGuards(gateway({}))).toBeUndefined();
  });

  it('has no hooks for a gateway without such methods', () => {
    const bare = gateway({ handleConnection: 'no function' });
    expect(handlers.hook(bare, 'handleConnection')).toBeUndefined();
    expect(handlers.hook(bare, 'handleDisconnect')).toBeUndefined();
    expect(handlers.leaveHook(bare)).toBeUndefined();
  });

  it('calls a hook on the instance, with the client first', () => {
    const client = {} as never;
    const instance = {
      seen: [] as unknown[],
      handleConnection(...args: unknown[]) {
        this.seen.push(args);
        return 'done';
      },
    };
    const hook = handlers.hook(gateway(instance), 'handleConnection')!;
    expect(hook(client, 'request' as never)).toBe('done');
    expect(instance.seen).toEqual([[client, 'request']]);
  });

  it('calls handleUnsubscribe with the connection, the topic and the reason', () => {
    const connection = { socket: {} } as never;
    let seen: unknown[] = [];
    const hook = handlers.leaveHook(gateway({ handleUnsubscribe: (...args: unknown[]) => (seen = args) }))!;
    void hook(connection, 'clock', 'closed');
    expect(seen).toEqual([connection, 'clock', 'closed']);
  });
});
