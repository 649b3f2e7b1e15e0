import { Module, type Provider, type Type } from '@nestjs/common';
import { ModulesContainer, NestFactory } from '@nestjs/core';
import { onTestFinished } from 'vitest';
import { GatewayExplorer } from '../../../lib/gateway/nest/gateway-explorer.js';

/** Classes of one module, built by Nest and not served. The lines of the log are kept. */
export interface Explored {
  readonly modules: ModulesContainer;
  readonly explorer: GatewayExplorer;
  readonly lines: string[];
}

/** Builds a module with Nest, for the test that runs. */
export async function explored(providers: Provider[], controllers: Type[] = []): Promise<Explored> {
  @Module({ providers, controllers })
  class TestModule {}

  const app = await NestFactory.createApplicationContext(TestModule, { logger: false, abortOnError: false });
  onTestFinished(() => app.close());
  const modules = app.get(ModulesContainer);
  const lines: string[] = [];
  return { modules, explorer: new GatewayExplorer(modules, { warn: line => lines.push(line) }), lines };
}
