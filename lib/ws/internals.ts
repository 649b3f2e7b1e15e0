import { type IncomingMessage, Server, ServerResponse } from 'node:http';
import { Server as HttpsServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { createSecureContext, TLSSocket } from 'node:tls';
import { WebSocket, WebSocketServer } from 'ws';
import { bytesWritten, seemWrittenTo } from './bytes-written.js';
import { answerUnderWay, connectionListener, hasConnectionList } from './http-internals.js';
import { isReceiving } from './receiver-state.js';
import { changeOptions, stopTracking } from './server-options.js';
import { bytesLeft, type HandledSocket } from './socket-handle.js';

/** Parts of `ws` and Node under check. Tests pass others. */
export interface Peers {
  /** Makes a socket of `ws` that reads from a stream, as a `ws` server does. */
  readonly socketOn: (transport: Duplex) => object;
  /** Makes a TCP socket that has a handle and is not connected. */
  readonly tcpSocket: () => Socket;
  /** Makes the server side of a TLS socket over a TCP socket. */
  readonly tlsSocket: (tcpSocket: Socket) => Duplex & HandledSocket;
  readonly httpServer: () => Server;
  readonly httpsServer: () => Server;
  /** Makes an answer that a server writes to a socket. */
  readonly answer: (socket: Socket) => ServerResponse;
  readonly webSocketServer: () => WebSocketServer;
}

/** Private part of `ws` or Node that this library uses. */
export interface Internal {
  /** Name, for the log. */
  readonly name: string;
  /** Effect if the part is missing, for the log. */
  readonly without: string;
  /** Tells whether the part exists and works as this library expects. */
  readonly holds: (peers: Peers) => boolean;
}

/** Fields of the receiver of a `ws` socket. */
interface Receiver {
  readonly _buffers: unknown;
  readonly _fragments: unknown;
  readonly _fin: unknown;
  readonly _bufferedBytes: unknown;
  readonly _errored: unknown;
  _write: unknown;
  on(event: 'error', listener: () => void): unknown;
}

/**
 * Constructor of `ws` as called by a server. The cast is needed because the type declarations describe the clients'
 * constructor only.
 */
const ServerSideSocket = WebSocket as unknown as new (
  address: null,
  protocols: undefined,
  options: object,
) => WebSocket & { setSocket(transport: Duplex, head: Buffer, options: object): void };

/** Handshake of a client, with the fields that `ws` reads. */
const HANDSHAKE = {
  method: 'GET',
  url: '/',
  headers: {
    upgrade: 'websocket',
    connection: 'Upgrade',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-version': '13',
  },
};

/** First bytes of a masked text frame of five bytes, and a frame that is forbidden for clients. */
const TEXT_BEGUN = Buffer.from([0x81, 0x85, 0, 0, 0, 0, 0x61]);
const TEXT_REST = Buffer.from([0x61, 0x61, 0x61, 0x61]);
const BAD_FRAME = Buffer.from([0xf3, 0x80, 0, 0, 0, 0]);

const PEERS: Peers = {
  socketOn: transport => {
    const socket = new ServerSideSocket(null, undefined, {});
    socket.on('error', ignore);
    socket.setSocket(transport, Buffer.alloc(0), { maxPayload: 125, skipUTF8Validation: false });
    return socket;
  },
  // The connection is given up before it is begun.
  tcpSocket: () => connect({ host: '127.0.0.1', port: 9 }).on('error', ignore),
  tlsSocket: socket =>
    new TLSSocket(socket, { isServer: true, secureContext: createSecureContext({ ca: [] }) }).on(
      'error',
      ignore,
    ),
  httpServer: () => new Server(),
  httpsServer: () => new HttpsServer(),
  answer: socket => {
    const response = new ServerResponse({ method: 'GET', httpVersionMajor: 1 } as IncomingMessage);
    response.assignSocket(socket);
    return response;
  },
  webSocketServer: () => new WebSocketServer({ noServer: true }),
};

const SLOW_LOOKS_FROZEN =
  'a client that reads a large answer slowly may look frozen, and is closed after slowConsumer.grace';

/** Private parts of `ws` and Node, in the order of `docs/internals.md`. */
export const INTERNALS: readonly Internal[] = [
  {
    name: 'the parser of a ws socket (_receiver._write, _errored)',
    without: 'frames behind a bad compressed frame may end the process: set compression to false',
    holds: peers =>
      withSocket(peers, (socket, transport) => {
        const receiver = receiverOf(socket);
        if (typeof receiver?._write !== 'function' || receiver._errored !== false) return false;
        transport.emit('data', BAD_FRAME);
        return receiverOf(socket)?._errored === true;
      }),
  },
  {
    name: 'the memory of the parser of a ws socket (_receiver._buffers, _bufferedBytes, _fragments, _fin)',
    without: 'data of a client that is being closed for its offence is still parsed, which costs CPU',
    holds: peers =>
      withSocket(peers, socket => {
        const receiver = receiverOf(socket);
        const { _buffers, _fragments, _fin, _bufferedBytes } = receiver ?? ({} as Partial<Receiver>);
        return (
          Array.isArray(_buffers) &&
          Array.isArray(_fragments) &&
          typeof _fin === 'boolean' &&
          typeof _bufferedBytes === 'number'
        );
      }),
  },
  {
    name: 'the state of the parser of a ws socket (_receiver._state, _opcode, _fragmented)',
    without: 'a client that never ends a message is not closed after limits.message',
    holds: peers =>
      withSocket(peers, (socket, transport) => {
        const before = isReceiving(socket);
        transport.emit('data', TEXT_BEGUN);
        const during = isReceiving(socket);
        transport.emit('data', TEXT_REST);
        return before === false && during === true && isReceiving(socket) === false;
      }),
  },
  {
    name: 'the options of a ws server (read at each handshake)',
    without: 'the option ws of gateways has no effect, so its maxPayload is no limit',
    holds: peers =>
      withClient(peers, { maxPayload: 1, clientTracking: false }, (client, transport, server) => {
        transport.emit('data', TEXT_BEGUN);
        return receiverOf(client)?._errored === true && server.clients === undefined;
      }),
  },
  {
    name: 'the close listener of a ws server (one on each client, which leaves server.clients)',
    without: 'a connection takes 170 bytes more, or server.clients keeps clients that have disconnected',
    holds: peers =>
      withClient(peers, {}, (client, _, server) => {
        const [listener, ...others] = client.listeners('close');
        if (listener === undefined || others.length > 0 || !server.clients.has(client)) return false;
        stopTracking(server, client);
        listener.call(client);
        return client.listenerCount('close') === 0 && !server.clients.has(client);
      }),
  },
  {
    name: 'the handle of a TCP socket (_handle.writeQueueSize, readStop)',
    without: SLOW_LOOKS_FROZEN,
    holds: peers => withTcpSocket(peers, handleHolds),
  },
  {
    name: 'the handle below a TLS socket (_handle._parent)',
    without: `${SLOW_LOOKS_FROZEN}, over TLS`,
    holds: peers =>
      withTcpSocket(peers, tcpSocket => {
        const socket = peers.tlsSocket(tcpSocket);
        const below = socket._handle?._parent;
        const counts =
          typeof below?.writeQueueSize === 'number' && bytesLeft(socket) === below.writeQueueSize;
        socket.destroy();
        return counts;
      }),
  },
  {
    name: 'the answer of a socket in the HTTP server (_httpMessage)',
    without: 'an upgrade behind an unanswered request of the same connection may be answered out of order',
    holds: ({ answer }) => {
      const socket = silentStream() as Socket;
      const response = answer(socket);
      return answerUnderWay(socket) === response;
    },
  },
  {
    name: 'the connection listener of the HTTP server (connectionListener)',
    without: 'a request with an Upgrade header that is not a handshake is counted twice by other listeners',
    holds: ({ httpServer, httpsServer }) =>
      [httpServer(), httpsServer()].every(server => connectionListener(server) !== undefined),
  },
  {
    name: 'the list of connections of the HTTP server (http.server.connections)',
    without: 'a shutdown waits for clients that have opened a connection and sent no request',
    holds: ({ httpServer }) => {
      const server = httpServer();
      // Node creates the list when the server begins to listen.
      server.emit('listening');
      const listed = hasConnectionList(server);
      server.close(ignore);
      return listed;
    },
  },
  {
    name: 'the count of bytes of a socket (bytesWritten, which an own property covers)',
    without: 'another listener for upgrades on the same HTTP server may end a handshake after a second',
    holds: peers =>
      withTcpSocket(peers, socket => {
        if (typeof socket.bytesWritten !== 'number' || bytesWritten(socket) !== 0) return false;
        seemWrittenTo(socket);
        return socket.bytesWritten === 1;
      }),
  },
];

/**
 * Tries each private part of `ws` and Node that this library uses. Returns a log line for each part that is missing or
 * works differently, as in a version of `ws` or Node newer than this library.
 */
export function missingInternals(peers: Peers = PEERS): string[] {
  return INTERNALS.filter(internal => !holds(internal, peers)).map(
    ({ name, without }) => `Cannot use ${name}: ${without}.`,
  );
}

function holds(internal: Internal, peers: Peers): boolean {
  try {
    return internal.holds(peers);
  } catch {
    return false;
  }
}

function withSocket(peers: Peers, test: (socket: object, transport: Duplex) => boolean): boolean {
  const transport = silentStream();
  try {
    return test(peers.socketOn(transport), transport);
  } finally {
    transport.destroy();
  }
}

/** Connects a client to a `ws` server whose options were changed after its creation. */
function withClient(
  { webSocketServer }: Peers,
  options: Readonly<Record<string, unknown>>,
  test: (client: WebSocket, transport: Duplex, server: WebSocketServer) => boolean,
): boolean {
  const server = webSocketServer();
  const transport = silentStream();
  let passed = false;
  changeOptions(server, options);
  server.handleUpgrade(HANDSHAKE as IncomingMessage, transport, Buffer.alloc(0), client => {
    client.on('error', ignore);
    passed = test(client, transport, server);
  });
  transport.destroy();
  server.close();
  return passed;
}

function withTcpSocket({ tcpSocket }: Peers, test: (socket: Socket & HandledSocket) => boolean): boolean {
  const socket = tcpSocket();
  try {
    return test(socket);
  } finally {
    socket.destroy();
  }
}

function handleHolds({ _handle: handle }: HandledSocket): boolean {
  return typeof handle?.writeQueueSize === 'number' && typeof handle.readStop === 'function';
}

function receiverOf(socket: object): Receiver | undefined {
  return (socket as { _receiver?: Receiver })._receiver;
}

/** Makes a stream that accepts everything and never ends. */
function silentStream(): Duplex {
  return new Duplex({ read: ignore, write: (_chunk, _encoding, done) => done() });
}

function ignore(): void {}
