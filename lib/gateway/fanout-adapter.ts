import type { Server } from 'node:http';
import type { INestApplicationContext } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { AbstractWsAdapter } from '@nestjs/websockets';
import type { ServerOptions, WebSocketServer } from 'ws';
import { FanoutError, shown } from '../errors/fanout-error.js';
import type { MessageParser } from './message.js';
import { GatewayServer } from './gateway-server.js';
import { MessageRouter } from './message-router.js';

/** What `@WebSocketGateway()` was given, as Nest passes it on. */
type GatewayOptions = ServerOptions & { path?: string; namespace?: unknown };

/**
 * The WebSocket adapter that `FanoutModule.forRoot()` installs. There is no need to name it in an application, unless to
 * extend it: `app.useWebSocketAdapter(new MyAdapter(app))`, with `FanoutModule.forRoot()` imported.
 *
 * Gateway options that it does not know (`verifyClient`, `maxPayload`, `handleProtocols`, …) go to the `ws` server.
 */
export class FanoutAdapter extends AbstractWsAdapter {
  readonly #app: Pick<INestApplicationContext, 'get'>;

  /** @param app the application, or any context that can `get()` the providers of `FanoutModule` */
  constructor(app: Pick<INestApplicationContext, 'get'>) {
    super();
    this.#app = app;
  }

  /**
   * Replaces the parser of incoming frames; one that returns nothing drops the frame. The default is `JSON.parse`. A frame
   * for which it throws is answered `BAD_MESSAGE`, and the error goes to the log.
   */
  setMessageParser(parser: MessageParser): void {
    this.#app.get(MessageRouter, { strict: false }).parseWith(parser);
  }

  /** Called by Nest for each port and path. */
  create(port: number, options: GatewayOptions = {}): WebSocketServer {
    const { path, namespace, server: _, ...others } = options;
    if (namespace) throw new FanoutError('FANOUT_NAMESPACE', shown(namespace));
    return this.#server.create(port, path, others, this.#httpServer());
  }

  // Nest would bind listeners and closures for each gateway and socket. The gateways are bound by GatewayServer, one
  // listener for a socket and one handler map for a path, so these three have nothing to do.
  override bindClientConnect(): void {}
  override bindClientDisconnect(): void {}
  bindMessageHandlers(): void {}

  /** Servers are closed together in `dispose`. */
  override async close(): Promise<void> {}

  override async dispose(): Promise<void> {
    await this.#server.stop();
  }

  get #server(): GatewayServer {
    return this.#app.get(GatewayServer, { strict: false });
  }

  /** Known only now: under a testing module the HTTP adapter is made after every provider. */
  #httpServer(): Server | undefined {
    return this.#app.get(HttpAdapterHost, { strict: false }).httpAdapter?.getHttpServer() as
      Server | undefined;
  }
}

/** Members that Nest calls for each gateway and socket. Here they do nothing, so an override would be lost. */
const BINDERS = ['bindClientConnect', 'bindClientDisconnect', 'bindMessageHandlers'] as const;

/**
 * Makes sure that the adapter of the application is ours, and overrides nothing that is never called.
 * @throws FanoutError FANOUT_ADAPTER, FANOUT_BINDERS
 */
export function assertUsable(adapter: unknown): void {
  const name = (adapter as object | null)?.constructor.name ?? String(adapter);
  if (!(adapter instanceof FanoutAdapter)) throw new FanoutError('FANOUT_ADAPTER', name);
  const overridden = BINDERS.find(binder => adapter[binder] !== FanoutAdapter.prototype[binder]);
  if (overridden !== undefined) throw new FanoutError('FANOUT_BINDERS', name, overridden);
}
