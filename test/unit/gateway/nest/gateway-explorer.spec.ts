import { type CanActivate, Controller, Injectable, Scope } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Heartbeat } from '../../../../lib/gateway/nest/heartbeat.decorator.js';
import { UseHandshakeGuards } from '../../../../lib/gateway/nest/handshake-guards.decorator.js';
import { Topic } from '../../../../lib/gateway/nest/topic.decorator.js';
import { explored } from '../../../support/unit/nest-context.js';

@Injectable()
class Allowing implements CanActivate {
  canActivate(): boolean {
    return true;
  }
}

@WebSocketGateway(8080, { path: '/market' })
@Heartbeat({ interval: 1000, timeout: 3000 })
@UseHandshakeGuards(Allowing)
class Market {
  @Topic('prices.:symbol')
  price(): void {}

  @SubscribeMessage('order')
  order(): void {}
}

describe('GatewayExplorer.gateways', () => {
  it('has what the decorators of a gateway say', async () => {
    const { explorer, lines } = await explored([Market]);
    const [gateway, ...others] = explorer.gateways;
    expect(others).toEqual([]);
    expect(gateway).toMatchObject({
      name: 'Market',
      port: 8080,
      path: '/market',
      heartbeat: { interval: 1000, timeout: 3000 },
      events: [{ event: 'order', method: 'order' }],
      topics: [{ method: 'price', pattern: { text: 'prices.:symbol' } }],
      handshakeGuards: [Allowing],
    });
    expect(gateway!.wrapper.instance).toBeInstanceOf(Market);
    expect(lines).toEqual([]);
  });

  it('passes over other classes, factories and values', async () => {
    const { explorer } = await explored([
      Allowing,
      { provide: 'value', useValue: new Market() },
      { provide: 'factory', useFactory: () => null },
    ]);
    expect(explorer.gateways).toEqual([]);
  });

  it('refuses a topic on a class that is no gateway', async () => {
    @Injectable()
    class Service {
      @Topic('prices')
      price(): void {}
    }

    const { explorer } = await explored([Service]);
    expect(() => explorer.gateways).toThrow(expect.objectContaining({ code: 'FANOUT_TOPIC_HOST' }));
  });

  it('refuses a handshake guard that would never be asked', async () => {
    @UseHandshakeGuards(Allowing)
    @Injectable()
    class Service {}

    const { explorer } = await explored([Service]);
    expect(() => explorer.gateways).toThrow(expect.objectContaining({ code: 'FANOUT_HANDSHAKE_GUARD' }));
  });

  it('warns of a gateway among the controllers', async () => {
    @WebSocketGateway()
    @Controller()
    class Misplaced {}

    const { explorer, lines } = await explored([], [Misplaced]);
    expect(explorer.gateways).toEqual([]);
    expect(lines).toEqual([expect.stringContaining('Gateway Misplaced is listed in the controllers')]);
  });

  it('warns of methods that a subclass overrides without a decorator', async () => {
    @WebSocketGateway()
    class Sub extends Market {
      override price(): void {}

      override order(): void {}
    }

    const { explorer, lines } = await explored([Sub]);
    expect(explorer.gateways[0]!.events).toEqual([]);
    expect(lines).toEqual([
      expect.stringContaining("Sub.price overrides a method with @Topic('prices.:symbol')"),
      expect.stringContaining("Sub.order overrides a method with @SubscribeMessage('order')"),
    ]);
  });
});

describe('GatewayExplorer.assertProviders()', () => {
  const refused = expect.objectContaining({ code: 'FANOUT_GATEWAY_PROVIDER' });

  it('refuses a gateway that a factory or a value provides, because Nest does not serve it', async () => {
    const value = await explored([{ provide: 'gateway', useValue: new Market() }]);
    expect(() => value.explorer.assertProviders()).toThrow(refused);
    const scoped = await explored([
      { provide: Market, useFactory: () => new Market(), scope: Scope.REQUEST, inject: [] },
    ]);
    expect(() => scoped.explorer.assertProviders()).toThrow(refused);
  });

  it('accepts an alias of a gateway that is served', async () => {
    const { explorer } = await explored([Market, { provide: 'alias', useExisting: Market }]);
    expect(() => explorer.assertProviders()).not.toThrow();
  });
});
