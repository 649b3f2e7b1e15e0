import { Server } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
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

const intact: Peers = {
  socketOn: changed({}),
  tcpSocket: () =>
    Object.assign(new Socket(), { _handle: { writeQueueSize: 0, readStop: () => 0, close() {} } }),
  httpServer: () => new Server(),
};

describe('missingInternals', () => {
  it('finds nothing with this version of ws and Node', () => {
    expect(missingInternals()).toEqual([]);
    expect(missingInternals(intact)).toEqual([]);
  });

  it.each<[string, Partial<Peers>, string[]]>([
    [
      'the receiver',
      { socketOn: () => ({}) },
      ['the parser', 'the memory of the parser', 'the state of the parser'],
    ],
    [
      'the flag of an error',
      {
        socketOn: changed({ _errored: undefined }),
      },
      ['the parser'],
    ],
    [
      'the buffers',
      {
        socketOn: changed({ _fragments: new Map() }),
      },
      ['the memory of the parser'],
    ],
    [
      'the opcode of a message in fragments',
      {
        socketOn: changed({ _fragmented: undefined }),
      },
      ['the state of the parser'],
    ],
    ['the handle of a socket', { tcpSocket: () => new Socket() }, ['the handle of a TCP socket']],
    [
      'the name of the listener',
      { httpServer: () => new Server().removeAllListeners('connection') },
      ['the connection listener'],
    ],
  ])('names what is off without %s', (_, peers, names) => {
    const lines = missingInternals({ ...intact, ...peers });
    expect(lines).toHaveLength(names.length);
    names.forEach((name, i) => expect(lines[i]).toMatch(new RegExp(`^Cannot use ${name}.*: .+\\.$`)));
  });
});
