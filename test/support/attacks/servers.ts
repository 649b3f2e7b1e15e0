import type { AddressInfo } from 'node:net';
import type { LoggerService } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { onTestFinished } from 'vitest';
import { type AppSetup, type RunningApp, startApp } from '../app.js';

/** A server for raw bytes, so never over TLS. */
export type AttackedSetup = Omit<AppSetup, 'platform' | 'nest'> & { readonly logger?: LoggerService };

/** Nest's own `WsAdapter`, with the `ws` that it pins and nothing of ours: the attack has to work here. */
export async function startPlain({ configure, logger, ...metadata }: Omit<AttackedSetup, 'options'>) {
  const testing = await Test.createTestingModule(metadata).compile();
  const app = testing.createNestApplication({ logger: logger ?? false });
  app.useWebSocketAdapter(new WsAdapter(app));
  onTestFinished(() => app.close());
  configure?.(app);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const running: RunningApp = {
    app,
    url: `ws://127.0.0.1:${port}`,
    get: token => app.get(token as never, { strict: false }),
  };
  return running;
}

/** The same gateways with FanoutModule: the attack has to fail. */
export function startFanout({ logger, ...setup }: AttackedSetup): Promise<RunningApp> {
  return startApp({ ...setup, nest: { logger: logger ?? false } });
}

/** A logger that only counts: lines by level, and their characters. */
export class CountingLogger implements LoggerService {
  lines: string[] = [];
  readonly #take = (...parts: unknown[]): void => void this.lines.push(parts.map(String).join(' '));

  readonly log = (): void => {};
  readonly warn = this.#take;
  readonly error = this.#take;
  readonly fatal = this.#take;
}
