import { WsAdapter } from '@nestjs/platform-ws';
import { beforeEach, describe, expect, it } from 'vitest';
import { assertUsable, FanoutAdapter } from '../../../../lib/gateway/server/fanout-adapter.js';
import { GatewayServer } from '../../../../lib/gateway/server/gateway-server.js';

let calls: unknown[];
const made = {};

/** An application whose only provider is the server of the gateways. */
const app = {
  get: (token: unknown) =>
    token === GatewayServer
      ? {
          create: (port: number, options: object) => {
            calls.push(['create', port, options]);
            return made;
          },
          answer: (name: string, port: number, options: object, answer: () => unknown) => {
            calls.push(['answer', name, port, options]);
            return answer();
          },
        }
      : {},
} as never;

beforeEach(() => {
  calls = [];
});

describe('FanoutAdapter.create()', () => {
  it('refuses a namespace', () => {
    const create = (): unknown => new FanoutAdapter(app).create(0, { namespace: '/chat' });
    expect(create).toThrow(expect.objectContaining({ code: 'FANOUT_NAMESPACE' }));
  });

  it('is recorded with the options that Nest gave, whatever a subclass passes on', () => {
    class Own extends FanoutAdapter {
      override create(port: number, options = {}): ReturnType<FanoutAdapter['create']> {
        return super.create(port + 1, { ...options, maxPayload: 5 });
      }
    }
    const adapter = new Own(app);
    adapter.forceCloseConnections = true;
    adapter.forceCloseConnections = true;
    expect(adapter.create(80, { path: '/a' })).toBe(made);
    expect(calls).toEqual([
      ['answer', 'Own', 80, { path: '/a' }],
      ['create', 81, { path: '/a', maxPayload: 5 }],
    ]);
    expect(adapter.forceCloseConnections).toBe(true);
  });
});

describe('assertUsable', () => {
  it('accepts our adapter and a subclass', () => {
    class Own extends FanoutAdapter {}
    expect(() => assertUsable(new FanoutAdapter(app))).not.toThrow();
    expect(() => assertUsable(new Own(app))).not.toThrow();
  });

  it('refuses another adapter', () => {
    expect(() => assertUsable(new WsAdapter())).toThrow(expect.objectContaining({ code: 'FANOUT_ADAPTER' }));
    expect(() => assertUsable(null)).toThrow(expect.objectContaining({ code: 'FANOUT_ADAPTER' }));
  });

  it('refuses a subclass that overrides a member which is never called', () => {
    class Own extends FanoutAdapter {
      override bindMessageHandlers(): void {}
    }
    expect(() => assertUsable(new Own(app))).toThrow(expect.objectContaining({ code: 'FANOUT_BINDERS' }));
  });
});
