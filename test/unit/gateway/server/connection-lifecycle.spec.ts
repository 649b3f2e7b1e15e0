import { EventEmitter } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { ConnectionRegistry } from '../../../../lib/connection/connection-registry.js';
import { FirstGrants } from '../../../../lib/connection/first-grants.js';
import type { ConnectionDeps } from '../../../../lib/connection/socket-connection.js';
import { webSocketKind } from '../../../../lib/connection/web-socket-kind.js';
import { ConnectionLifecycle } from '../../../../lib/gateway/server/connection-lifecycle.js';
import { sessionOf } from '../../../../lib/gateway/session/client-session.js';
import { UnreadyBytes } from '../../../../lib/limits/unready-bytes.js';
import { Counters } from '../../../../lib/observe/counters.js';
import { resolveOptions } from '../../../../lib/options/resolve-options.js';
import { Protocols } from '../../../../lib/protocol/protocols.js';
import { FakeSocket } from '../../../support/unit/fake-socket.js';
import { settled } from '../../../support/unit/gateway-client.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

/** A WebSocket of `ws`, as far as a life needs it. */
class Socket extends EventEmitter {
  readyState = 1;
  isPaused = false;
  readonly closes: number[] = [];

  close(code: number): void {
    this.closes.push(code);
    this.readyState = 2;
  }
}

const PROTOCOL = new Protocols().of('', '/');

let clock: HandClock;
let counters: Counters;
let connections: ConnectionRegistry;
let events: unknown[];
let errors: unknown[];
let endpoint: any;
let socket: Socket;
let lifecycle: ConnectionLifecycle;
let request: any;

beforeEach(() => {
  clock = new HandClock();
  counters = new Counters();
  connections = new ConnectionRegistry();
  events = [];
  errors = [];
  socket = new Socket();
  request = { url: '/a?x=1', headers: { host: 'h', cookie: 'secret' }, socket: new FakeSocket() };
  const note =
    (what: string) =>
    (...args: any[]): void => {
      events.push(args.length > 1 && typeof args[1] === 'number' ? [what, args[1]] : what);
    };
  endpoint = {
    path: '/a',
    heartbeat: { interval: 1, timeout: 3 },
    server: Object.assign(new EventEmitter(), { options: {}, adopt: note('adopt'), forget: note('forget') }),
    connectHooks: [],
    disconnectHooks: [],
    handshakeGuards: [],
  };
  const connection = {
    clock,
    counters,
    kind: webSocketKind,
    flightTime: Infinity,
    firstGrants: new FirstGrants(Infinity),
    turnWrites: { request: () => {} },
    waiting: { end: note('waiting ends') },
    maxUnsentBytes: 1000,
    finishing: () => {},
    closing: () => {},
    userChanged: () => {},
  } as unknown as ConnectionDeps;
  lifecycle = new ConnectionLifecycle({
    options: resolveOptions({}),
    connections,
    topics: { leaveAll: note('leave topics') } as never,
    heartbeat: { add: note('watch'), delete: note('unwatch') } as never,
    expiries: { set: note('expire'), begin: note('begin'), delete: note('no expiry') } as never,
    slots: { give: note('give slot') } as never,
    receiver: { listen: note('listen'), drain: note('drain') } as never,
    offenders: {
      close: ({ connection: { closeWith } }: any, cause: string) => events.push(cause, !!closeWith),
    } as never,
    unfinished: { watch: () => {}, forget: () => {} } as never,
    connection,
    connectionWithoutPings: { ...connection },
    sessionHost: {
      unready: new UnreadyBytes(10_000),
      route: (_, message) => void events.push(['message', message]),
    },
    clock,
    logger: { error: (error: unknown) => errors.push(error) } as never,
  });
});

function open(credentials?: { user: unknown; expiresAt: number | undefined }) {
  const arrival = { endpoint, request, ip: '1.2.3.4', params: {} };
  lifecycle.open(arrival as never, socket as never, PROTOCOL, credentials as never);
  return sessionOf(socket as never)!;
}

function disconnect(code = 1000): void {
  socket.readyState = 3;
  socket.emit('close', code, Buffer.from('bye'));
}

describe('ConnectionLifecycle.open()', () => {
  it('makes a connection that is known, watched and counted', () => {
    const { connection } = open();
    expect([...connections]).toEqual([connection]);
    expect(counters.accepted).toBe(1);
    expect(events).toEqual(['adopt', 'watch', 'listen', 'begin']);
    expect(connection.handshake.url).toBe('/a?x=1');
  });

  it('is not watched on a path without a heartbeat', () => {
    endpoint.heartbeat = false;
    open();
    expect(events).not.toContain('watch');
  });

  it('takes the user and the end of the credentials, or the user that a listener leaves', () => {
    expect(open({ user: { id: 1 }, expiresAt: 99 }).connection.user).toEqual({ id: 1 });
    expect(events).toContainEqual(['expire', 99]);
    socket = new Socket();
    endpoint.server.on('connection', () => (request.user = { id: 2 }));
    expect(open().connection.user).toEqual({ id: 2 });
  });

  it('forgets the headers when the connection is ready', () => {
    expect(open().connection.handshake.headers).toEqual({});
    socket = new Socket();
    endpoint.handshakeGuards.push({});
    expect(open().connection.handshake.headers).toEqual({ host: 'h' });
  });

  it('handles messages after handleConnection', async () => {
    let connected!: () => void;
    endpoint.connectHooks.push(() => new Promise<void>(resolve => (connected = resolve)));
    const session = open();
    session.inbound.receive('early');
    await settled();
    expect(events).not.toContainEqual(['message', 'early']);
    connected();
    await settled();
    expect(events).toContainEqual(['message', 'early']);
  });

  it('closes the connection whose handleConnection fails, and handles no message of it', async () => {
    const error = new Error('hook');
    endpoint.connectHooks.push(() => Promise.reject(error));
    open().inbound.receive('early');
    await settled();
    expect([socket.closes, errors]).toEqual([[1011], [error]]);
    expect(events).not.toContainEqual(['message', 'early']);
  });

  it('gives handleConnection the time of a handshake', async () => {
    endpoint.connectHooks.push(() => new Promise(() => {}));
    open();
    await settled();
    clock.advance(resolveOptions({}).limits.handshake);
    await settled();
    expect(events).toContain('handshake-time');
  });
});

describe('ConnectionLifecycle and the end of a connection', () => {
  it('undoes everything, once', () => {
    open();
    events = [];
    disconnect(1001);
    expect([...connections]).toEqual([]);
    expect(events).toEqual(['give slot', 'forget', 'unwatch', 'no expiry', 'leave topics', 'waiting ends']);
    expect([...counters.closes]).toEqual([[1001, 1]]);
  });

  it('tells handleDisconnect after handleConnection, with the close', async () => {
    let connected!: () => void;
    endpoint.connectHooks.push(() => new Promise<void>(resolve => (connected = resolve)));
    endpoint.disconnectHooks.push((_: unknown, close: unknown) => void events.push(close));
    open();
    disconnect();
    await settled();
    expect(events).not.toContainEqual({ code: 1000, reason: 'bye' });
    connected();
    await lifecycle.settled();
    expect(events).toContainEqual({ code: 1000, reason: 'bye' });
  });

  it('ends the streams of replies, and logs an error of one', () => {
    const session = open();
    let ended = 0;
    const error = new Error('teardown');
    session.replies = new Set([
      {
        unsubscribe: () => {
          throw error;
        },
      },
      { unsubscribe: () => ended++ },
    ]) as never;
    disconnect();
    expect([ended, errors]).toEqual([1, [error]]);
  });

  it('logs an error of handleDisconnect', async () => {
    const error = new Error('hook');
    endpoint.disconnectHooks.push(() => Promise.reject(error));
    open();
    disconnect();
    await lifecycle.settled();
    expect(errors).toEqual([error]);
  });
});
