import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { LogLevel } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { AppModule } from './app.module.js';
import { Crowd } from './crowd.js';
import { readSettings, SettingsError, usage, type Settings } from './settings.js';

/** The start of Nest is not worth 20 lines of a terminal that is here for the status line. */
const LOGGED: LogLevel[] = ['warn', 'error', 'fatal'];

try {
  const settings = readSettings(process.argv.slice(2));
  if (settings === undefined) console.log(usage());
  else await start(settings);
} catch (error) {
  console.error(explain(error));
  process.exit(1);
}

async function start(settings: Settings): Promise<void> {
  const options = { logger: LOGGED, abortOnError: false };
  const app = await NestFactory.create<NestExpressApplication>(AppModule.with(settings), options);
  // Ctrl-C: say goodbye to every connection, then exit with 0 rather than die of the signal.
  app.enableShutdownHooks([], { useProcessExit: true });

  const port = await listen(app, settings.port);
  const address = `localhost:${port}`;
  console.log(`Open http://${address} for the page. Ctrl-C ends.`);
  if (settings.clients > 0) app.get(Crowd).gather(`ws://127.0.0.1:${port}/market`, settings.clients);
}

async function listen(app: NestExpressApplication, port: number): Promise<number> {
  await app.init();
  // Nest would log the error before we can say what to do about it.
  app.useLogger(false);
  try {
    const server = await app.listen(port);
    app.useLogger(LOGGED);
    return (server.address() as AddressInfo).port;
  } catch (error) {
    throw whyNotListening(error as NodeJS.ErrnoException, port);
  }
}

function whyNotListening(error: NodeJS.ErrnoException, port: number): Error {
  const elsewhere = 'choose another one with "npm start -- --port <number>", or 0 for any free one.';
  if (error.code === 'EADDRINUSE') return new SettingsError(`Port ${port} is taken: ${elsewhere}`);
  if (error.code === 'EACCES') return new SettingsError(`Port ${port} needs more rights: ${elsewhere}`);
  return error;
}

function explain(error: unknown): unknown {
  return error instanceof SettingsError ? `${error.message} See "npm start -- --help".` : error;
}
