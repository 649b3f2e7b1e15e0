import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { FrameReceiver } from '../../../../lib/gateway/messages/frame-receiver.js';
import { attachSession } from '../../../../lib/gateway/session/client-session.js';
import { Counters } from '../../../../lib/observe/counters.js';

/** A `ws` socket that a test speaks for. */
class Socket extends EventEmitter {
  readonly pongs: string[] = [];

  pong(data: Buffer): void {
    this.pongs.push(String(data));
  }
}

let socket: Socket;
let counters: Counters;
let done: unknown[];
let connection: any;
let endpoint: any;
let limits: { excess?: string; refusesMessage?: string; mayPing: boolean; mayPong: boolean };
let receiver: FrameReceiver;

beforeEach(() => {
  socket = new Socket();
  counters = new Counters();
  done = [];
  limits = { mayPing: true, mayPong: true };
  connection = {
    open: true,
    bufferedBytes: 0,
    socket,
    output: {},
    heard: () => done.push('heard'),
    answered: () => done.push('answered'),
    pong: (data: Buffer) => String(data) === 'ours',
  };
  endpoint = { server: { options: {} } };
  const inbound = {
    receive: (message: unknown) => {
      done.push(['received', message]);
      return limits.refusesMessage;
    },
  };
  attachSession(socket as never, { connection, endpoint, inbound } as never);
  const offend =
    (what: string) =>
    (_: unknown, ...rest: unknown[]): void => {
      done.push([what, ...rest]);
    };
  receiver = new FrameReceiver({
    router: { refuse: (_: unknown, { code, cause }: any) => done.push(['refuse', code, cause]) } as never,
    usage: {
      exceededLimit: () => limits.excess,
      mayPing: () => limits.mayPing,
      mayPong: () => limits.mayPong,
    } as never,
    clock: { wallTime: () => 1 },
    offenders: { refused: offend('refused'), expel: offend('expel'), broke: offend('broke') } as never,
    counters,
  });
  receiver.listen(socket as never);
});

describe('FrameReceiver and a message', () => {
  it('counts it, notes the sign of life, and gives text on as text', () => {
    socket.emit('message', Buffer.from('{"event":"x"}'), false);
    expect(counters.messages).toBe(1);
    expect(done).toEqual(['heard', ['received', '{"event":"x"}']]);
  });

  it('copies a binary frame, because it may be a view into a larger chunk', () => {
    const chunk = Buffer.from('--abc--');
    socket.emit('message', chunk.subarray(2, 5), true);
    chunk.fill('x');
    const [, message] = done[1] as [string, Buffer];
    expect(String(message)).toBe('abc');
  });

  it('refuses it unread over a limit', () => {
    limits.excess = 'message-rate';
    socket.emit('message', Buffer.from('{}'), false);
    expect(done).toEqual(['heard', ['refuse', 'RATE_LIMITED', 'message-rate']]);
  });

  it('closes the connection when too much waits for connections that are not ready', () => {
    limits.refusesMessage = 'unready-bytes';
    socket.emit('message', Buffer.from('{}'), false);
    expect(done.at(-1)).toEqual(['expel', 'unready-bytes', expect.objectContaining({ code: 4013 })]);
  });

  it('ignores it during a shutdown and on a closing connection, but counts a flood', () => {
    receiver.drain();
    socket.emit('message', Buffer.from('{}'), false);
    expect(done).toEqual(['heard']);
    limits.excess = 'message-rate';
    socket.emit('message', Buffer.from('{}'), false);
    expect(done.at(-1)).toEqual(['refused', 'message-rate']);
  });
});

describe('FrameReceiver and pings', () => {
  it('answers a ping with its data', () => {
    socket.emit('ping', Buffer.from('p'));
    expect(socket.pongs).toEqual(['p']);
    expect(done).toEqual(['heard']);
  });

  it.each([
    ['on a closing connection', () => (connection.open = false)],
    ['before more than 128 KiB', () => (connection.bufferedBytes = 128 * 1024 + 1)],
    ['where the gateway has set autoPong', () => (endpoint.server.options.autoPong = true)],
  ])('answers none %s', (_, arrange) => {
    arrange();
    socket.emit('ping', Buffer.from('p'));
    expect(socket.pongs).toEqual([]);
  });

  it('closes a flood of pings, and of pongs that nobody asked for', () => {
    limits.mayPing = limits.mayPong = false;
    socket.emit('ping', Buffer.from('p'));
    socket.emit('pong', Buffer.from('theirs'));
    const flood = ['expel', 'pings', expect.objectContaining({ code: 4008 })];
    expect(done.filter(item => Array.isArray(item)).map(item => (item as unknown[])[0])).toEqual([
      flood[0],
      flood[0],
    ]);
    socket.emit('pong', Buffer.from('ours'));
    expect(done.at(-1)).toBe('answered');
  });
});

describe('FrameReceiver and errors of ws', () => {
  it.each([
    ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'payload', 1009],
    ['WS_ERR_TOO_MANY_BUFFERED_PARTS', 'fragments', 1008],
    ['WS_ERR_INVALID_UTF8', 'protocol', 1007],
    ['Z_DATA_ERROR', 'protocol', 1007],
    ['WS_ERR_EXPECTED_MASK', 'protocol', 1002],
  ])('takes %s for a breach by the client', (code, cause, close) => {
    socket.emit('error', Object.assign(new Error('bad frame'), { code }));
    expect(done).toEqual([['broke', cause, close]]);
  });

  it.each(['ECONNRESET', 'Z_MEM_ERROR', undefined])('blames nobody for %s', code => {
    socket.emit('error', Object.assign(new Error('other'), { code }));
    expect(done).toEqual([]);
  });
});
