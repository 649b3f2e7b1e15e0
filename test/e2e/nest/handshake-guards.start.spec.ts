import { type CanActivate, Injectable, type OnModuleDestroy, type OnModuleInit } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { WebSocketGateway } from '@nestjs/websockets';
import { FanoutModule, UseHandshakeGuards } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { isFirstOfMajor } from '../../support/nest-version.js';

@Injectable()
class Missing {}

@Injectable()
class Guard implements CanActivate, OnModuleInit, OnModuleDestroy {
  static readonly told: string[] = [];

  canActivate(): boolean {
    return true;
  }

  onModuleInit(): void {
    Guard.told.push('init');
  }

  onModuleDestroy(): void {
    Guard.told.push('destroy');
  }
}

const refused = (reason: string): object =>
  expect.objectContaining({ code: 'FANOUT_HANDSHAKE_GUARD', message: expect.stringContaining(reason) });

describe('At start', () => {
  it('a provider that is no gateway is refused: its guards would never be asked', async () => {
    @UseHandshakeGuards(Guard)
    @Injectable()
    class Service {}
    await expect(startApp({ providers: [Service] })).rejects.toEqual(
      refused('@UseHandshakeGuards() on Service must be given guards'),
    );
  });

  it('a guard without canActivate() is refused', async () => {
    @WebSocketGateway()
    @UseHandshakeGuards(Missing as never)
    class Gateway {}
    await expect(startApp({ providers: [Gateway] })).rejects.toThrow(/Missing/);
  });

  it('something that was put in place of a guard, and is none, is refused', async () => {
    @WebSocketGateway()
    @UseHandshakeGuards(Guard)
    class Gateway {}
    const testing = await Test.createTestingModule({
      imports: [FanoutModule.forRoot()],
      providers: [Gateway],
    })
      .overrideGuard(Guard)
      .useValue({ activate: true })
      .compile();
    const app = testing.createNestApplication({ logger: false });
    onTestFinished(() => app.close());
    await expect(app.listen(0, '127.0.0.1')).rejects.toEqual(refused('Guard is { activate: true }'));
  });

  it('a dependency of a guard that is missing is found', async () => {
    @Injectable()
    class Demanding implements CanActivate {
      constructor(readonly missing: Missing) {}

      canActivate(): boolean {
        return true;
      }
    }
    @WebSocketGateway()
    @UseHandshakeGuards(Demanding)
    class Gateway {}
    await expect(startApp({ providers: [Gateway] })).rejects.toThrow(/dependencies of the Demanding/);
  });

  it('a gateway that is provided under another name has its guards', async () => {
    let asked = 0;
    @Injectable()
    class Counting implements CanActivate {
      canActivate(): boolean {
        return ++asked > 0;
      }
    }
    @WebSocketGateway({ path: '/named' })
    @UseHandshakeGuards(Counting)
    class Gateway {}
    const start = startApp({ providers: [{ provide: 'gateway', useClass: Gateway }] });
    // Nest did not build the guards of such a provider then, so it cannot be served.
    if (isFirstOfMajor)
      return expect(start).rejects.toEqual(refused('Nest has not built the guard Counting'));
    const { url } = await start;
    await Client.connect(`${url}/named`);
    expect(asked).toBe(1);
  });

  it('guards learn of the start and the end of the application, as others do', async () => {
    @WebSocketGateway()
    @UseHandshakeGuards(Guard)
    class Gateway {}
    Guard.told.length = 0;
    const { app } = await startApp({ providers: [Gateway] });
    await app.close();
    expect(Guard.told).toEqual(['init', 'destroy']);
  });
});
