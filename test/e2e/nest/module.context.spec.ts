import 'reflect-metadata';
import { spawn } from 'node:child_process';
import { Module, type Type } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, FanoutModule, Topic } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { builtEntry } from '../../support/built-entry.js';

@WebSocketGateway(1, { path: '/never opened' })
class NewsGateway {
  @Topic('news', { history: 2 })
  news() {}
}

async function makeContext(...providers: Type[]) {
  @Module({ imports: [FanoutModule.forRoot()], providers })
  class WorkerModule {}
  const context = await NestFactory.createApplicationContext(WorkerModule, {
    logger: false,
    abortOnError: false,
  });
  onTestFinished(() => context.close());
  return context;
}

/** Runs a module in a Node of its own until that ends by itself. */
function run(source: string): Promise<{ code: number | null; output: string }> {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', source], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', data => (output += data));
  return new Promise(resolve => child.on('close', code => resolve({ code, output })));
}

/** A program with `FanoutModule` and a gateway, in plain JavaScript. */
function program(main: string): string {
  return `
    import 'reflect-metadata';
    import { Module } from '@nestjs/common';
    import { NestFactory } from '@nestjs/core';
    import { WebSocketGateway } from '@nestjs/websockets';
    import { Broadcaster, FanoutModule, Topic } from ${JSON.stringify(builtEntry())};

    class Gateway { news() {} }
    WebSocketGateway()(Gateway);
    Topic('news')(Gateway.prototype, 'news', Object.getOwnPropertyDescriptor(Gateway.prototype, 'news'));
    class AppModule {}
    Module({ imports: [FanoutModule.forRoot()], providers: [Gateway] })(AppModule);
    const options = { logger: ['error'], abortOnError: false };
    ${main}
    console.log('the end of main');
  `;
}

describe('FanoutModule in an application without a server', () => {
  it('publishes to nobody, and keeps the history', async () => {
    const context = await makeContext(NewsGateway);
    const broadcaster = context.get(Broadcaster);
    for (const data of ['a', 'b', 'c']) expect(broadcaster.publish('news', data)).toBe(0);
    await broadcaster.flush();
    expect((await broadcaster.history('news')).publications.map(({ data }) => data)).toEqual(['b', 'c']);
    expect(broadcaster.subscribers('news')).toBe(0);
    expect(context.get(Connections).size).toBe(0);
  });

  it('works without any gateway', async () => {
    const context = await makeContext();
    expect(context.get(Broadcaster).publish('news', 1)).toBe(0);
    await context.close();
  });

  it.each([
    ['publishes and closes', 'app.get(Broadcaster).publish("news", 1); await app.close();'],
    ['publishes and forgets to close', 'app.get(Broadcaster).publish("news", 1);'],
    ['does nothing', ''],
  ])('lets the process end by itself when it %s', async (_, main) => {
    const outcome = await run(
      program(`const app = await NestFactory.createApplicationContext(AppModule, options); ${main}`),
    );
    expect(outcome).toEqual({ code: 0, output: 'the end of main\n' });
  });
});
