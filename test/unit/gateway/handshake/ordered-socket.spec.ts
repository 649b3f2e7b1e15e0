import { beforeEach, describe, expect, it } from 'vitest';
import { orderedSocket } from '../../../../lib/gateway/handshake/ordered-socket.js';
import { attachSession } from '../../../../lib/gateway/session/client-session.js';

let steps: string[];

beforeEach(() => {
  steps = [];
});

/** A class of sockets that notes its calls. */
class NotingSocket {
  on = undefined as never;
  send(): void {
    steps.push('send');
  }
  ping(): void {
    steps.push('ping');
  }
  pong(): void {
    steps.push('pong');
  }
  close(): void {
    steps.push('close');
  }
  terminate(): void {
    steps.push('terminate');
  }
  pause(): void {
    steps.push('pause');
  }
  resume(): void {
    steps.push('resume');
  }
}

const Ordered = orderedSocket(NotingSocket as never) as unknown as new () => NotingSocket;

function socket(connection?: object): NotingSocket {
  const made = new Ordered();
  const noting = {
    writeAll: () => steps.push('write'),
    readingChanged: () => steps.push('changed'),
    ...connection,
  };
  attachSession(made as never, { connection: noting } as never);
  return made;
}

describe('orderedSocket', () => {
  it('makes one class for a class, and none of an ordered one', () => {
    expect(orderedSocket(NotingSocket as never)).toBe(Ordered);
    expect(orderedSocket(Ordered as never)).toBe(Ordered);
  });

  it.each(['send', 'ping', 'pong', 'close', 'terminate'] as const)(
    'writes gathered replies before %s()',
    method => {
      socket()[method]();
      expect(steps).toEqual(['write', method]);
    },
  );

  it('drops gathered replies of a connection that the server terminates', () => {
    socket({ closedWith: { code: 4000, reason: '' } }).terminate();
    expect(steps).toEqual(['terminate']);
  });

  it.each(['pause', 'resume'] as const)('tells the connection of %s()', method => {
    socket()[method]();
    expect(steps).toEqual([method, 'changed']);
  });

  it('is a plain socket before it has a connection', () => {
    new Ordered().send();
    expect(steps).toEqual(['send']);
  });
});
