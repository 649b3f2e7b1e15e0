import { beforeEach, describe, expect, it } from 'vitest';
import {
  attachSession,
  ClientSession,
  connectionOf,
  sessionOf,
} from '../../../../lib/gateway/session/client-session.js';

let steps: string[];

beforeEach(() => {
  steps = [];
});

function session(route: () => void | Promise<void>, maxPayload = 0): ClientSession {
  const connection = {
    socket: {},
    full: false,
    handlerBegins: () => steps.push('begins'),
    handlerEnds: () => steps.push('ends'),
  };
  const endpoint = { server: { options: { maxPayload } } };
  return new ClientSession(connection as never, endpoint as never, { route, unready: {} } as never);
}

describe('ClientSession', () => {
  it('ends a handler that is done at once when it is done', () => {
    session(() => void steps.push('route')).handle({} as never);
    expect(steps).toEqual(['begins', 'route', 'ends']);
  });

  it('ends a handler that takes longer when its promise does', async () => {
    let finish!: () => void;
    const handled = session(() => new Promise<void>(resolve => (finish = resolve))).handle({} as never);
    expect(steps).toEqual(['begins']);
    finish();
    await handled;
    expect(steps).toEqual(['begins', 'ends']);
  });

  it('has the largest message from the server of its path, and no limit at 0', () => {
    expect(session(() => {}, 125).maxPayload).toBe(125);
    expect(session(() => {}, 0).maxPayload).toBe(Infinity);
  });

  it('is found by the socket that it was attached to', () => {
    const own = session(() => {});
    const socket = {} as never;
    expect([sessionOf(socket), connectionOf(socket)]).toEqual([undefined, undefined]);
    attachSession(socket, own);
    expect(sessionOf(socket)).toBe(own);
    expect(connectionOf(socket)).toBe(own.connection);
  });
});
