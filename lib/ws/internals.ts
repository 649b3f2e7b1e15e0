import { type IncomingMessage, Server, ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { WebSocket } from 'ws';
import { isReceiving } from './receiver-state.js';

/** Parts of `ws` and Node that the checks look at. Tests give others. */
export interface Peers {
  /** Makes a socket of `ws` that reads from a stream, as a `ws` server does. */
  readonly socketOn: (transport: Duplex) => object;
  /** Makes a TCP socket that has a handle and is not connected. */
  readonly tcpSocket: () => Socket;
  readonly httpServer: () => Server;
}

/** Private part of `ws` or Node that this library uses. */
interface Internal {
  /** Name, for the log. */
  readonly name: string;
  /** Effect of its absence, for the log. */
  readonly without: string;
  /** Whether the part is there and does what this library expects of it. */
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

/** First bytes of a masked text frame of five bytes, and a frame that no client may send. */
const TEXT_BEGUN = Buffer.from([0x81, 0x85, 0, 0, 0, 0, 0x61]);
const TEXT_REST = Buffer.from([0x61, 0x61, 0x61, 0x61]);
const BAD_FRAME = Buffer.from([0xf3, 0x80, 0, 0, 0, 0]);

const PEERS: Peers = {
  socketOn: transport => {
    const socket = new WebSocket(null as never, undefined, {}) as WebSocket & {
      setSocket(transport: Duplex, head: Buffer, options: object): void;
    };
    socket.on('error', ignore);
    socket.setSocket(transport, Buffer.alloc(0), { maxPayload: 125, skipUTF8Validation: false });
    return socket;
  },
  // The connection is given up before it is begun.
  tcpSocket: () => connect({ host: '127.0.0.1', port: 9 }).on('error', ignore),
  httpServer: () => new Server(),
};

const INTERNALS: readonly Internal[] = [
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
    name: 'the handle of a TCP socket (_handle.writeQueueSize, readStop)',
    without:
      'a client that reads a large answer slowly may look frozen, and is closed after slowConsumer.grace',
    holds: ({ tcpSocket }) => {
      const socket = tcpSocket();
      const { _handle: handle } = socket as { _handle?: { writeQueueSize?: unknown; readStop?: unknown } };
      socket.destroy();
      return typeof handle?.writeQueueSize === 'number' && typeof handle.readStop === 'function';
    },
  },
  {
    name: 'the answer of a socket in the HTTP server (_httpMessage)',
    without: 'an upgrade behind an unanswered request of the same connection may be answered out of order',
    holds: () => {
      const response = new ServerResponse({ method: 'GET', httpVersionMajor: 1 } as IncomingMessage);
      const socket = silentStream();
      response.assignSocket(socket as Socket);
      return (socket as { _httpMessage?: unknown })._httpMessage === response;
    },
  },
  {
    name: 'the connection listener of the HTTP server (connectionListener)',
    without: 'a request with an Upgrade header that is no handshake is counted twice by other listeners',
    holds: ({ httpServer }) =>
      httpServer()
        .listeners('connection')
        .some(({ name }) => name === 'connectionListener'),
  },
];

/**
 * Tries each private part of `ws` and Node that this library uses. Returns a line for the log for each part that is missing or
 * does something else, as in a version of `ws` or Node that is newer than this library.
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

function receiverOf(socket: object): Receiver | undefined {
  return (socket as { _receiver?: Receiver })._receiver;
}

/** Stream that takes everything and ends nothing. */
function silentStream(): Duplex {
  return new Duplex({ read: ignore, write: (_chunk, _encoding, done) => done() });
}

function ignore(): void {}
