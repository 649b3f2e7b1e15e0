import type { AddressInfo } from 'node:net';
import { type CanActivate, Global, Injectable, Module, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutMetrics, FanoutModule, UseHandshakeGuards } from 'nestjs-fanout';
import { expect, it, onTestFinished } from 'vitest';
import { Client } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

@Injectable()
class Deny implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@WebSocketGateway()
@UseHandshakeGuards(Deny)
class Guarded {
  @SubscribeMessage('x')
  x(): string {
    return 'reached';
  }
}

it('an upgrade to an HTTP server that listens before the gateways are bound is refused', async () => {
  const starting = new Gate();
  const ready = new Gate();
  // Begins before FanoutModule, as a module with a database often does.
  @Global()
  @Module({})
  class Slow implements OnModuleInit {
    onModuleInit(): Promise<void> {
      starting.open();
      return ready.passed;
    }
  }
  const testing = await Test.createTestingModule({
    imports: [Slow, FanoutModule.forRoot()],
    providers: [Guarded],
  }).compile();
  const app = testing.createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  const server = app.getHttpServer();
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const url = `ws://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const initialized = app.init();
  await starting.passed;
  await expect(Client.connect(url)).rejects.toThrow('503');
  ready.open();
  await initialized;
  await expect(Client.connect(url)).rejects.toThrow('403');
  expect(app.get(FanoutMetrics).rejected.start).toBe(1);
});
