import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { INestApplication, ModuleMetadata, NestApplicationOptions, Type } from '@nestjs/common';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import { FanoutModule, type FanoutOptions } from 'nestjs-fanout';
import { onTestFinished } from 'vitest';
import { certificate } from './certificate.js';

export interface RunningApp {
  readonly app: INestApplication;
  /** `ws://127.0.0.1:<port>`, or `wss:` with `httpsOptions`. */
  readonly url: string;
  get<T>(token: Type<T> | (abstract new (...args: never[]) => T)): T;
}

export interface AppSetup extends ModuleMetadata {
  readonly options?: FanoutOptions;
  readonly platform?: 'express' | 'fastify';
  readonly nest?: NestApplicationOptions;
  /** Address and port; a free port of 127.0.0.1 without it. */
  readonly listen?: { readonly host: string; readonly port: number };
  /** Called before the application listens. */
  readonly configure?: (app: INestApplication) => void;
}

/** With FANOUT_TLS in the environment every suite runs over wss. */
function overTls(): NestApplicationOptions | undefined {
  return process.env.FANOUT_TLS ? { httpsOptions: certificate() } : undefined;
}

/** Starts a real Nest application with FanoutModule on a free port; it is closed when the test ends. */
export async function startApp({
  options,
  platform,
  nest = overTls(),
  listen = { host: '127.0.0.1', port: 0 },
  configure,
  ...metadata
}: AppSetup): Promise<RunningApp> {
  const testing = await Test.createTestingModule({
    ...metadata,
    imports: [FanoutModule.forRoot(options), ...(metadata.imports ?? [])],
  }).compile();
  const settings = { logger: false, ...nest } as const;
  const app =
    platform === 'fastify'
      ? testing.createNestApplication(
          new FastifyAdapter(nest?.httpsOptions ? { https: nest.httpsOptions } : {}),
          settings,
        )
      : testing.createNestApplication(settings);
  onTestFinished(() => app.close());
  configure?.(app);
  await app.listen(listen.port, listen.host);
  const { port } = app.getHttpServer().address() as AddressInfo;
  return {
    app,
    url: `${nest?.httpsOptions ? 'wss' : 'ws'}://${listen.host}:${port}`,
    get: token => app.get(token as never, { strict: false }),
  };
}
