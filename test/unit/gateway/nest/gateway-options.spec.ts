import { WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import {
  adapterOptions,
  gatewayOptions,
  pathOptions,
  portOptions,
  withoutReplaced,
} from '../../../../lib/gateway/nest/gateway-options.js';

/** A gateway class with these arguments of the decorator. */
function gateway(...args: any[]): Function {
  class Market {}
  (WebSocketGateway as (...given: unknown[]) => ClassDecorator)(...args)(Market);
  return Market;
}

const failing = (code: string): object => expect.objectContaining({ code });

describe('gatewayOptions', () => {
  it('has the options of the path, of the port, and every verifyClient', () => {
    const verifyClient = (): boolean => true;
    const options = gatewayOptions(
      gateway(81, { path: '/m', maxPayload: 9, host: 'localhost', verifyClient }),
    );
    expect(options).toEqual({
      by: '@WebSocketGateway of Market',
      ofPath: { maxPayload: 9 },
      ofPort: { host: 'localhost' },
      verifyClients: [verifyClient],
    });
  });

  it('inherits options: the lowest limit holds, and the class decides the rest', () => {
    class Base {}
    WebSocketGateway({ maxPayload: 10, maxFragments: 5, autoPong: true } as never)(Base);
    class Derived extends Base {}
    WebSocketGateway({ maxPayload: 20, autoPong: false } as never)(Derived);
    expect(gatewayOptions(Derived).ofPath).toEqual({ maxPayload: 10, maxFragments: 5, autoPong: false });
  });

  it.each([
    [{ maxPayloud: 1 }, 'FANOUT_OPTION_UNKNOWN'],
    [{ maxPayload: 0 }, 'FANOUT_OPTION'],
    [{ maxPayload: 2 ** 31 }, 'FANOUT_OPTION'],
    [{ host: ' ' }, 'FANOUT_OPTION'],
    [{ cors: true }, 'FANOUT_GATEWAY_OPTION'],
    [{ namespace: 'chat' }, 'FANOUT_NAMESPACE'],
  ])('refuses %j', (options, code) => {
    expect(() => gatewayOptions(gateway(options))).toThrow(failing(code));
  });

  it.each([-1, 65_536])('refuses the port %i', port => {
    expect(() => gatewayOptions(gateway(port))).toThrow(failing('FANOUT_GATEWAY_PORT'));
  });
});

describe('adapterOptions', () => {
  it('has what the adapter changed, and nothing else', () => {
    const asked = { path: '/m', maxPayload: 9 };
    expect(adapterOptions('My', asked, { ...asked, maxFragments: 3 })).toEqual({
      by: 'create() of My',
      ofPath: { maxFragments: 3 },
      ofPort: {},
      verifyClients: [],
    });
  });

  it('replaces the option of a gateway, verifyClient included', () => {
    const [own, other] = [() => true, () => false];
    const asked = { maxPayload: 9, verifyClient: own };
    const adapter = adapterOptions('My', asked, { maxPayload: 5, verifyClient: other });
    const left = withoutReplaced(gatewayOptions(gateway(asked)), adapter, asked);
    expect([left.ofPath, left.verifyClients]).toEqual([{}, []]);
  });
});

describe('pathOptions and portOptions', () => {
  const layer = (options: object) => gatewayOptions(gateway(81, options));

  it('combine gateways: the lowest limit holds, and every verifyClient is asked once', () => {
    const verifyClient = (): boolean => true;
    const layers = [layer({ maxPayload: 9, verifyClient }), layer({ maxPayload: 5, verifyClient })];
    expect(pathOptions('the path {/m}', layers)).toEqual({
      verifyClients: [verifyClient],
      ws: { maxPayload: 5 },
    });
  });

  it('refuse gateways that contradict each other', () => {
    expect(() =>
      pathOptions('the path {/m}', [layer({ autoPong: true }), layer({ autoPong: false })]),
    ).toThrow(failing('FANOUT_GATEWAY_CONFLICT'));
    expect(() => portOptions(81, [layer({ host: 'a' }), layer({ host: 'b' })])).toThrow(
      failing('FANOUT_GATEWAY_CONFLICT'),
    );
  });

  it('take options of a port for a port of its own only', () => {
    expect(portOptions(81, [layer({ backlog: 5 })])).toEqual({ backlog: 5 });
    expect(() => portOptions(0, [layer({ backlog: 5 })])).toThrow(failing('FANOUT_GATEWAY_OPTION'));
  });
});
