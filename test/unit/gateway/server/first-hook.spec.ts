import { Global, Injectable, Module } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { describe, expect, it } from 'vitest';
import { atShutdown } from '../../../../lib/gateway/server/first-hook.js';

const order: string[] = [];

@Injectable()
class Deep {
  onModuleDestroy(): void {
    order.push('deep');
  }
}

@Injectable()
class Root {
  constructor(readonly deep: Deep) {}

  onModuleDestroy(): void {
    order.push('root');
  }
}

@Global()
@Module({ providers: [Deep], exports: [Deep] })
class DeepModule {}

@Module({ imports: [DeepModule], providers: [Root] })
class RootModule {}

describe('atShutdown', () => {
  it('is called before every hook of the application', async () => {
    const app = await NestFactory.createApplicationContext(RootModule, { logger: false });
    atShutdown(app.get(ModulesContainer), () => order.push('first'));
    await app.close();
    expect(order).toHaveLength(3);
    expect(order[0]).toBe('first');
  });
});
