import { Server, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { missingInternals, type Peers } from '../../../lib/ws/internals.js';

type Inner = WebSocket & {
  setSocket(transport: Duplex, head: Buffer, options: object): void;
  _receiver: Record<string, unknown>;
};

/** A socket of `ws` whose receiver looks as another version of `ws` might have it. */
const changed =
  (fields: Record<string, unknown>): Peers['socketOn'] =>
  transport => {
    const socket = new WebSocket(null as never, undefined, {}) as Inner;
    socket.on('error', () => {});
    socket.setSocket(transport, Buffer.alloc(0), { maxPayload: 125 });
    const descriptors = Object.entries(fields).map(([name, value]) => [name, { value }]);
    return { _receiver: Object.create(socket._receiver, Object.fromEntries(descriptors)) };
  };

/** A TCP socket with a handle of its own. */
const tcp =
  (handle: object): Peers['tcpSocket'] =>
  () =>
    Object.assign(new Socket(), { _handle: { bytesWritten: 0, close() {}, ...handle } });

/** A TLS socket with that handle. */
const tls =
  (handle: object | undefined): Peers['tlsSocket'] =>
  () =>
    Object.assign(new Socket(), { _handle: handle }) as never;

const HANDLE = { writeQueueSize: 0, readStop: () => 0 };

const intact: Peers = {
  socketOn: changed({}),
  tcpSocket: tcp(HANDLE),
  tlsSocket: tls({ ...HANDLE, close() {}, _parent: { writeQueueSize: 7 } }),
  httpServer: () => new Server(),
  httpsServer: () => new Server(),
  answer: socket => {
    const response = new ServerResponse({ method: 'GET' } as never);
    response.assignSocket(socket);
    return response;
  },
  webSocketServer: () => new WebSocketServer({ noServer: true }),
};

/** A `ws` server that keeps a copy of its options, as of the time when it was made. */
class SteadyServer extends WebSocketServer {
  readonly #at = { ...this.options };

  override handleUpgrade(...args: Parameters<WebSocketServer['handleUpgrade']>): void {
    Object.assign(this.options, this.#at);
    super.handleUpgrade(...args);
  }
}

/** A `ws` server that does something else with its clients. */
const serverWith =
  (act: (client: WebSocket, server: WebSocketServer) => void): Peers['webSocketServer'] =>
  () => {
    const server = new WebSocketServer({ noServer: true });
    const completed = server.handleUpgrade.bind(server);
    server.handleUpgrade = (request, socket, head, callback) =>
      completed(request, socket, head, (client, ...rest) => {
        act(client, server);
        callback(client, ...rest);
      });
    return server;
  };

/** A server with the name of one of its listeners changed. */
const renamed = (): Server => {
  const server = new Server();
  const [listener] = server.listeners('connection');
  server.removeAllListeners('connection').on('connection', socket => listener!.call(server, socket));
  return server;
};

const MISSING: readonly [string, Partial<Peers>, string[]][] = [
  [
    'the receiver',
    { socketOn: () => ({}) },
    ['the parser', 'the memory of the parser', 'the state of the parser'],
  ],
  ['_write of the receiver', { socketOn: changed({ _write: undefined }) }, ['the parser']],
  ['_errored of the receiver', { socketOn: changed({ _errored: undefined }) }, ['the parser']],
  ['_fin of the receiver', { socketOn: changed({ _fin: undefined }) }, ['the memory of the parser']],
  [
    '_fragments of the receiver',
    { socketOn: changed({ _fragments: new Map() }) },
    ['the memory of the parser'],
  ],
  [
    '_buffers of the receiver',
    { socketOn: changed({ _buffers: new Map() }) },
    ['the memory of the parser', 'the state of the parser'],
  ],
  [
    '_bufferedBytes of the receiver',
    { socketOn: changed({ _bufferedBytes: undefined }) },
    ['the memory of the parser', 'the state of the parser'],
  ],
  ['_state of the receiver', { socketOn: changed({ _state: undefined }) }, ['the state of the parser']],
  ['_opcode of the receiver', { socketOn: changed({ _opcode: undefined }) }, ['the state of the parser']],
  [
    '_fragmented of the receiver',
    { socketOn: changed({ _fragmented: undefined }) },
    ['the state of the parser'],
  ],
  [
    'a look at the options of a ws server at each handshake',
    { webSocketServer: () => new SteadyServer({ noServer: true }) },
    ['the options of a ws server'],
  ],
  [
    'the close listener of a ws server',
    { webSocketServer: serverWith(client => client.removeAllListeners('close')) },
    ['the close listener'],
  ],
  [
    'a close listener that is alone',
    { webSocketServer: serverWith(client => client.on('close', () => {})) },
    ['the close listener'],
  ],
  [
    'a close listener that leaves the clients',
    {
      webSocketServer: serverWith(client => client.removeAllListeners('close').on('close', () => {})),
    },
    ['the close listener'],
  ],
  ['the handle of a socket', { tcpSocket: () => new Socket() }, ['the handle of a TCP socket']],
  ['writeQueueSize of a handle', { tcpSocket: tcp({ readStop: () => 0 }) }, ['the handle of a TCP socket']],
  ['readStop of a handle', { tcpSocket: tcp({ writeQueueSize: 0 }) }, ['the handle of a TCP socket']],
  [
    '_parent of a TLS handle',
    { tlsSocket: tls({ ...HANDLE, close() {} }) },
    ['the handle below a TLS socket'],
  ],
  [
    '_httpMessage of a socket',
    { answer: () => new ServerResponse({ method: 'GET' } as never) },
    ['the answer of a socket'],
  ],
  ['the name of the listener', { httpServer: renamed }, ['the connection listener']],
  ['the name of the listener over TLS', { httpsServer: renamed }, ['the connection listener']],
  [
    'the list of connections',
    { httpServer: () => new Server().removeAllListeners('listening') as Server },
    ['the list of connections'],
  ],
  [
    'bytesWritten of a socket',
    { tcpSocket: () => Object.defineProperty(tcp(HANDLE)(), 'bytesWritten', { value: undefined }) },
    ['the count of bytes'],
  ],
  [
    'a bytesWritten that can be covered',
    { tcpSocket: () => Object.defineProperty(tcp(HANDLE)(), 'bytesWritten', { value: 0 }) },
    ['the count of bytes'],
  ],
];

describe('missingInternals', () => {
  it('finds nothing with this version of ws and Node', () => {
    expect(missingInternals()).toEqual([]);
    expect(missingInternals(intact)).toEqual([]);
  });

  it.each(MISSING)('names what is off without %s', (_, peers, names) => {
    const lines = missingInternals({ ...intact, ...peers });
    expect(lines).toHaveLength(names.length);
    names.forEach((name, i) => expect(lines[i]).toMatch(new RegExp(`^Cannot use ${name}.*: .+\\.$`)));
  });

  it('leaves no timer and no server behind', () => {
    const before = process.getActiveResourcesInfo().filter(name => name === 'Timeout').length;
    missingInternals();
    expect(process.getActiveResourcesInfo().filter(name => name === 'Timeout')).toHaveLength(before);
  });
});
