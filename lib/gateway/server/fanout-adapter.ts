import type { Server } from 'node:http';
import type { INestApplicationContext } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AbstractWsAdapter } from '@nestjs/websockets';
import type { ServerOptions, WebSocketServer } from 'ws';
import { FanoutError, shown } from '../../errors/fanout-error.js';
import type { MessageParser } from '../../protocol/protocol.js';
import { GatewayServer } from './gateway-server.js';
import { MessageRouter } from '../messages/message-router.js';

/** Options of `@WebSocketGateway()`, as passed on by Nest. */
export type GatewayOptions = ServerOptions & { path?: string; namespace?: unknown };

/** `create()` of this class or of a subclass, as called by Nest. */
type Create = (port: number, options?: GatewayOptions) => WebSocketServer;

/**
 * WebSocket adapter, installed by `FanoutModule.forRoot()`. Name this class only to extend it:
 * `app.useWebSocketAdapter(new MyAdapter(app))`, with `FanoutModule.forRoot()` imported.
 *
 * A subclass may pass another port, path or options to `super.create()`. It must return the result of that call.
 */
export class FanoutAdapter extends AbstractWsAdapter {
  readonly #app: Pick<INestApplicationContext, 'get'>;
  #forced = false;
  #watched: Create | undefined;

  /** @param app the application, or any context that can `get()` the providers of `FanoutModule` */
  constructor(app: Pick<INestApplicationContext, 'get'>) {
    super();
    this.#app = app;
  }

  /**
   * Replaces the parser of incoming frames. The default is `JSON.parse`. Returning undefined or null drops the frame.
   * When the parser throws, the client gets `BAD_MESSAGE` and the error is logged. The text `ping` is answered `pong`
   * when the parser throws for it or returns no message.
   */
  setMessageParser(parser: MessageParser): void {
    this.#app.get(MessageRouter, { strict: false }).parseWith(parser);
  }

  /** Option of `NestFactory.create()`: when true, a shutdown does not wait for clients to answer the close. */
  override get forceCloseConnections(): boolean {
    return this.#forced;
  }

  /** Called by Nest once, before the first `create()`. */
  override set forceCloseConnections(value: boolean) {
    this.#forced = value;
    this.#watchCreate();
  }

  /**
   * Called by Nest for each port and path.
   * @throws FanoutError FANOUT_NAMESPACE, FANOUT_PATH, FANOUT_PATH_AMBIGUOUS
   */
  create(port: number, options: GatewayOptions = {}): WebSocketServer {
    const { namespace } = options;
    if (namespace) throw new FanoutError('FANOUT_NAMESPACE', shown(namespace));
    return this.#server.create(port, options, this.#httpServer());
  }

  /** Records the result of each call of `create()`, also when a subclass overrides it by a method or a property. */
  #watchCreate(): void {
    if (this.create === this.#watched) return;
    const create: Create = this.create;
    this.#watched = (port, options = {}) => {
      const answer = (): WebSocketServer => create.call(this, port, options);
      return this.#server.answer(this.constructor.name, port, { ...options }, answer) as WebSocketServer;
    };
    this.create = this.#watched;
  }

  // Nest would bind listeners and closures for each gateway and socket. GatewayServer binds the gateways with one
  // listener per socket and one map of handlers per path, so these three members do nothing.
  override bindClientConnect(): void {}
  override bindClientDisconnect(): void {}
  bindMessageHandlers(): void {}

  /** Does nothing, because `dispose` closes all servers together. */
  override async close(): Promise<void> {}

  override async dispose(): Promise<void> {
    await this.#server.dispose();
  }

  get #server(): GatewayServer {
    return this.#app.get(GatewayServer, { strict: false });
  }

  /** Finds the HTTP server. Under a testing module the HTTP adapter is created after every provider. */
  #httpServer(): Server | undefined {
    return this.#app.get(HttpAdapterHost, { strict: false }).httpAdapter?.getHttpServer() as
      Server | undefined;
  }
}

/**
 * Members that Nest calls for each gateway and socket. In this adapter they do nothing, so an override has no effect.
 */
const BINDERS = ['bindClientConnect', 'bindClientDisconnect', 'bindMessageHandlers'] as const;

/**
 * Checks that the adapter of the application is ours and overrides no member that is never called.
 * @throws FanoutError FANOUT_ADAPTER, FANOUT_BINDERS
 */
export function assertUsable(adapter: unknown): void {
  const name = (adapter as object | null)?.constructor.name ?? String(adapter);
  if (!(adapter instanceof FanoutAdapter)) throw new FanoutError('FANOUT_ADAPTER', name);
  const overridden = BINDERS.find(binder => adapter[binder] !== FanoutAdapter.prototype[binder]);
  if (overridden !== undefined) throw new FanoutError('FANOUT_BINDERS', name, overridden);
}
