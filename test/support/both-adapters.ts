import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type {
  INestApplication,
  LoggerService,
  ModuleMetadata,
  NestApplicationOptions,
  Type,
} from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { Test } from '@nestjs/testing';
import { SubscribeMessage } from '@nestjs/websockets';
import { FanoutModule, type FanoutOptions } from 'nestjs-fanout';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';

/** Milliseconds after which something that does not come fails the test. */
const PATIENCE = 5000;

/** Turns of the event loop in which every answer that is due has come. */
const TURNS = 25;

/** Nest's own adapter behaves differently in each major version. */
export { isFirstOfMajor, NEST_MAJOR } from './nest-version.js';

export type AdapterName = 'WsAdapter' | 'FanoutAdapter';

/** What was seen under each adapter. */
export type Both<T> = Record<AdapterName, T>;

/** A line of the application's log. */
export interface Line {
  readonly level: string;
  readonly text: string;
  readonly context: string | undefined;
}

/** A running application under one of the two adapters. */
export interface World {
  readonly adapter: AdapterName;
  readonly app: INestApplication;
  readonly url: string;
  readonly lines: Line[];
  get<T>(token: Type<T>): T;
  connect(path?: string, options?: ClientOptions): Promise<Wire>;
}

export interface Setup extends ModuleMetadata {
  /** Options of `FanoutModule.forRoot()`. */
  readonly fanout?: FanoutOptions;
  readonly nest?: NestApplicationOptions;
  /** Called before the application listens. */
  readonly configure?: (app: INestApplication, adapter: AdapterName) => void;
}

/** Runs the same scenario in the same application under both adapters. */
export async function underBoth<T>(setup: Setup, act: (world: World) => Promise<T>): Promise<Both<T>> {
  return {
    WsAdapter: await act(await start('WsAdapter', setup)),
    FanoutAdapter: await act(await start('FanoutAdapter', setup)),
  };
}

/** The same outcome under both adapters. */
export function same<T>(outcome: T): Both<T> {
  return { WsAdapter: outcome, FanoutAdapter: outcome };
}

/** Starts an application; it is closed when the test ends. */
export async function start(
  adapter: AdapterName,
  { fanout, nest, configure, ...metadata }: Setup,
): Promise<World> {
  const lines: Line[] = [];
  const imports = [
    ...(adapter === 'FanoutAdapter' ? [FanoutModule.forRoot(fanout)] : []),
    ...(metadata.imports ?? []),
  ];
  const testing = await Test.createTestingModule({ ...metadata, imports }).compile();
  const app = testing.createNestApplication({ logger: loggerInto(lines), ...nest });
  onTestFinished(() => app.close());
  if (adapter === 'WsAdapter') app.useWebSocketAdapter(new WsAdapter(app));
  configure?.(app, adapter);
  await app.listen(0, '127.0.0.1');
  const { port } = app.getHttpServer().address() as AddressInfo;
  const url = `ws://127.0.0.1:${port}`;
  return {
    adapter,
    app,
    url,
    lines,
    get: token => app.get(token, { strict: false }),
    connect: (path = '', options) => Wire.connect(path.startsWith('ws:') ? path : url + path, options),
  };
}

/** Base of gateways whose clients want to know that everything has been answered. */
export class Marked {
  @SubscribeMessage('marker')
  async marker() {
    await turns();
    return { event: 'marker' };
  }
}

/** Resolves when the event loop has turned so often that everything that is due has happened. */
export async function turns(count = TURNS): Promise<void> {
  for (let turn = 0; turn < count; turn++) await new Promise(resolve => setImmediate(resolve));
}

/** A client that keeps each frame as it came: parsed where it is JSON. */
export class Wire {
  readonly frames: any[] = [];
  readonly closed: Promise<{ code: number; reason: string }>;
  readonly #waiting = new Set<() => void>();

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      this.frames.push(isBinary ? data : parsed(String(data)));
      for (const look of this.#waiting) look();
    });
    this.closed = new Promise(resolve =>
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    );
    socket.on('error', () => {});
    onTestFinished(() => socket.terminate());
  }

  /** Connects; rejects with the error of `ws` when the handshake is refused. */
  static async connect(url: string, options: ClientOptions = {}): Promise<Wire> {
    const socket = new WebSocket(url, options);
    const wire = new Wire(socket);
    await new Promise((resolve, reject) => {
      socket.once('open', resolve);
      socket.once('error', reject);
    });
    return wire;
  }

  send(message: unknown): void {
    const raw = typeof message === 'string' || Buffer.isBuffer(message);
    this.socket.send(raw ? message : JSON.stringify(message));
  }

  /** Sends messages and gives the frames that came until the gateway's marker did. */
  async exchange(...messages: unknown[]): Promise<any[]> {
    const from = this.frames.length;
    for (const message of messages) this.send(message);
    this.send({ event: 'marker' });
    await this.until(() => this.frames.slice(from).some(isMarker));
    return this.frames.slice(from).filter(frame => !isMarker(frame));
  }

  /** Waits until a condition over the frames holds. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (!holds()) return;
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(look);
        reject(new Error(`not within ${PATIENCE} ms; got ${JSON.stringify(this.frames)}`));
      }, PATIENCE);
      this.#waiting.add(look);
      look();
    });
  }

  close(): Promise<{ code: number; reason: string }> {
    this.socket.close();
    return this.closed;
  }
}

/** Collects what would end the process, until the test ends. */
export function uncaught(): string[] {
  const errors: string[] = [];
  const note = (error: unknown): void => void errors.push(String(error));
  for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
    const others = process.listeners(event as 'uncaughtException');
    process.removeAllListeners(event).on(event, note);
    onTestFinished(() => {
      process.removeAllListeners(event);
      for (const other of others) process.on(event, other);
    });
  }
  return errors;
}

/** Outcome of a connection attempt: `open`, the status of the answer, or that the server just ended the socket. */
export function outcomeOf(connecting: Promise<unknown>): Promise<string> {
  return connecting.then(
    () => 'open',
    (error: NodeJS.ErrnoException) =>
      /response: (\d+)/.exec(error.message)?.[1] ?? error.code ?? error.message,
  );
}

/** Lines of the log at the given level, without those that tell of the machine the test runs on. */
export function linesAt(level: string, lines: readonly Line[]): string[] {
  return lines
    .filter(line => line.level === level && !line.text.includes('may open'))
    .map(({ text }) => text);
}

function isMarker(frame: any): boolean {
  return frame?.event === 'marker';
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function loggerInto(lines: Line[]): LoggerService {
  const at =
    (level: string) =>
    (message: unknown, ...details: unknown[]): void => {
      const text = message instanceof Error ? `${message.name}: ${message.message}` : String(message);
      const context = details.at(-1);
      lines.push({ level, text, context: typeof context === 'string' ? context : undefined });
    };
  return { log: at('log'), error: at('error'), warn: at('warn'), debug: at('debug'), verbose: at('verbose') };
}
