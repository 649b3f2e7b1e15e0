import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LastAnswers } from '../../../../lib/gateway/session/last-answers.js';
import { HandClock } from '../../../support/unit/hand-clock.js';

let clock: HandClock;
let server: Server;
let answers: LastAnswers;
/** A client that sends no request. */
let client: Socket;
/** The socket of that client, at the server. */
let socket: Socket;

beforeEach(async () => {
  clock = new HandClock();
  server = createServer();
  answers = new LastAnswers(server, clock);
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  client = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {});
  [socket] = await accepted;
});

afterEach(() => {
  client.destroy();
  server.close();
  server.closeAllConnections();
});

describe('LastAnswers', () => {
  it.each([
    [5000, 1000],
    [300, 300],
  ])('gives a client without a whole request %d ms, but at most a second', async (given, ms) => {
    client.write('GET / HTTP/1.1\r\n');
    await once(socket, 'data');
    answers.closing(given);
    server.close();
    clock.advance(ms - 1);
    expect(socket.destroyed).toBe(false);
    clock.advance(1);
    expect(socket.destroyed).toBe(true);
  });

  it('ends nothing while the server listens, and looks again until it is closed', async () => {
    client.write('GET / HTTP/1.1\r\n');
    await once(socket, 'data');
    answers.closing(1000);
    clock.advance(5000);
    expect(socket.destroyed).toBe(false);
    server.close();
    clock.advance(100);
    expect(socket.destroyed).toBe(true);
  });

  it('restores the server and leaves no timer, which keeps no process alive before', () => {
    const { keepAliveTimeout } = server;
    answers.begin();
    answers.closing(1000);
    answers.closing(1000);
    expect(server.keepAliveTimeout).toBe(1);
    expect([clock.timers, clock.unreffed.size]).toEqual([1, 1]);
    answers.end();
    expect(server.keepAliveTimeout).toBe(keepAliveTimeout);
    expect([clock.timers, server.listenerCount('request')]).toEqual([0, 0]);
  });
});
