import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Server } from 'socket.io';
import { WebSocketServer } from 'ws';

/** Socket.IO and a bare `ws` server on the HTTP server of the application, attached by hand. */
@Injectable()
export class Sockets implements OnApplicationBootstrap, OnModuleDestroy {
  // Leaves upgrades of others alone; by default it ends them after a second.
  readonly #io = new Server({ destroyUpgrade: false });
  // With `server` and `path` it would answer the upgrades of everybody else with 400.
  readonly #ws = new WebSocketServer({ noServer: true });

  constructor(private readonly host: HttpAdapterHost) {}

  onApplicationBootstrap(): void {
    const server = this.host.httpAdapter.getHttpServer();
    this.#io.attach(server);
    this.#io.on('connection', socket => {
      socket.on('shout', (text: string, answer: (text: string) => void) => answer(text.toUpperCase()));
    });
    server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (request.url === '/echo') this.#ws.handleUpgrade(request, socket, head, echo);
    });
  }

  onModuleDestroy(): void {
    this.#io.disconnectSockets(true);
    for (const client of this.#ws.clients) client.close(1001);
  }
}

function echo(client: import('ws').WebSocket): void {
  client.on('message', (data, binary) => client.send(data, { binary }));
}
