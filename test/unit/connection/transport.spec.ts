import { beforeEach, describe, expect, it } from 'vitest';
import type { SocketConnection } from '../../../lib/connection/socket-connection.js';
import { HeartbeatMonitor } from '../../../lib/heartbeat/heartbeat-monitor.js';
import type { Subscription } from '../../../lib/topic/subscription.js';
import { Core, type CoreOptions } from '../../support/unit/core.js';
import { eventProtocol, EventStream, eventsIn, eventStreamKind } from '../../support/unit/event-stream.js';
import { FakeSocket } from '../../support/unit/fake-socket.js';
import { payloadOf } from '../../support/unit/topics.js';

let core: Core;
let response: FakeSocket;
let stream: EventStream;
let connection: SocketConnection<Subscription>;

function open(options: CoreOptions = {}): void {
  core = new Core(options);
  response = new FakeSocket();
  stream = new EventStream(response);
  connection = core.attach(stream, response, eventStreamKind, eventProtocol);
}

beforeEach(() => open());

function turns(): void {
  for (let i = 0; i < 5; i++) core.clock.turn();
}

function publish(...values: unknown[]): void {
  for (const value of values) core.broadcaster.publish('t', value);
  turns();
}

const position = (offset: number): string => {
  const { epoch } = core.topics.find('t')!.log;
  return `${epoch}:${offset}`;
};

const pub = (offset: number, data: string): object => ({ id: position(offset), event: 't', data });
const gap = (from: number, to: number, reason: string): object => ({
  id: position(to),
  event: 'gap',
  data: `t ${from} ${to} ${reason}`,
});

describe('A transport that only writes', () => {
  it('gets publications beside WebSockets, from batches of its own format', () => {
    const peer = core.connect();
    connection.subscribe('t');
    peer.connection.subscribe('t');
    turns();
    publish(1, '"\n"', 3);
    expect(eventsIn(response.taken)).toEqual([pub(1, '1'), pub(2, '"\\"\\n\\""'), pub(3, '3')]);
    expect(peer.socket.frames).toHaveLength(3);
    expect(core.counters).toMatchObject({ encodes: 2, deliveries: 6, socketWrites: 2 });
  });

  it('gets messages of the application, in its own frames and in order', () => {
    connection.subscribe('t');
    connection.send('hello', { x: 1 });
    publish(1);
    expect(eventsIn(response.taken)).toEqual([{ data: '{"event":"hello","data":{"x":1}}' }, pub(1, '1')]);
  });

  it('catches up when the response was busy', () => {
    connection.subscribe('t');
    turns();
    response.stalled = true;
    for (let i = 0; i < 100; i++) publish(payloadOf(4000));
    expect(connection.subscriptions.get('t')!.state).toBe('behind');
    while (response.writableLength > 0) {
      response.drain(response.writableLength);
      turns();
    }
    expect(eventsIn(response.taken).map(({ id }) => id)).toEqual(
      Array.from({ length: 100 }, (_, i) => position(i + 1)),
    );
    expect(connection.subscriptions.get('t')!.state).toBe('live');
  });

  it('gets what it missed when it comes back with the id of the last event', () => {
    open({ optionsOf: () => ({ history: 10 }) });
    publish(1, 2, 3, 4);
    const subscription = core.topics.hold(connection, 't');
    subscription.rewind(2);
    core.recover(subscription);
    turns();
    publish(5);
    expect(eventsIn(response.taken)).toEqual([pub(3, '3'), pub(4, '4'), pub(5, '5')]);
  });

  it('is told of what it does not get: too old, for others, or no longer kept', () => {
    open({ maxUnsentBytes: 10_000 });
    connection.subscribe('t');
    turns();
    core.broadcaster.publish('t', 1, { ttl: 1 });
    core.clock.advance(2);
    core.broadcaster.publish('t', 2, { except: connection.id });
    publish(3);
    expect(eventsIn(response.taken)).toEqual([gap(1, 1, 'expired'), gap(2, 2, 'except'), pub(3, '3')]);
    response.stalled = true;
    for (let i = 0; i < 40; i++) publish(payloadOf(4000));
    response.stalled = false;
    response.drain();
    turns();
    const told = eventsIn(response.taken);
    const [slow] = told.filter(({ data }) => data!.endsWith('slow'));
    expect(slow).toBeDefined();
    expect(told.at(-1)!.id).toBe(position(43));
  });

  it('is closed behind what was sent, and gets nothing more', () => {
    connection.subscribe('t');
    turns();
    core.broadcaster.publish('t', 1);
    connection.send('bye');
    connection.close(4321, 'enough');
    publish(2);
    const [first, ...others] = eventsIn(response.taken);
    expect(first).toEqual({ data: '{"event":"bye"}' });
    expect(others.at(-1)).toEqual({ event: 'close', data: '4321 enough' });
    expect([response.ended, connection.open, connection.subscriptions.size]).toEqual([true, false, 0]);
    expect(connection.send('more')).toBe(false);
  });

  it('is ended when its response throws, and others get what was published', () => {
    const peer = core.connect();
    connection.subscribe('t');
    peer.connection.subscribe('t');
    turns();
    response.throwsAfter = 0;
    publish(1);
    expect(stream.terminations).toBe(1);
    expect(peer.socket.frames).toHaveLength(1);
  });

  it('stays for as long as it takes signs of life, which it never answers', () => {
    const heartbeat = new HeartbeatMonitor(core.clock);
    heartbeat.add(connection, { interval: 1000, timeout: 3000 });
    core.clock.advance(60_000);
    expect(connection.open).toBe(true);
    expect(String(response.taken)).toMatch(/^(:\n\n){2,}$/);
    response.stalled = true;
    connection.send('never read');
    turns();
    core.clock.advance(60_000);
    expect(stream.terminations).toBe(1);
    heartbeat.stop();
  });

  it('has no WebSocket, and is found by its id', () => {
    expect(connection.socket).toBeUndefined();
    expect(core.connections.of(connection.socket)).toBeUndefined();
    expect(core.connections.get(connection.id)).toBe(connection);
  });
});
