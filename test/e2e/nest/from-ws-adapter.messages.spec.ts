import { Readable } from 'node:stream';
import { ConnectedSocket, MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { concat, EMPTY, from, NEVER, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { type Both, Marked, same, underBoth } from '../../support/both-adapters.js';

@WebSocketGateway()
class Messages extends Marked {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data: data === undefined ? 'no data' : data };
  }

  @SubscribeMessage('part')
  part(@MessageBody('of') part: unknown) {
    return { event: 'part', data: part === undefined ? 'no data' : part };
  }

  @SubscribeMessage('plain')
  plain(client: WebSocket, data: unknown) {
    return { event: 'plain', data: [typeof client.send, data] };
  }

  @SubscribeMessage('sends')
  sends(@ConnectedSocket() client: WebSocket, @MessageBody() text: string): void {
    client.send(text);
  }
}

const RESULTS: Record<string, () => unknown> = {
  undefined: () => undefined,
  null: () => null,
  'a number': () => 0,
  'a boolean': () => false,
  'an empty text': () => '',
  'a text': () => 'pong',
  'an object without an event': () => ({ a: 1 }),
  'an array': () => [1, 2],
  'an object with an event': () => ({ event: 'e', data: 1 }),
  'a date': () => ({ event: 'e', data: new Date(0) }),
  'a Buffer': () => Buffer.from('x'),
  'a promise': async () => ({ event: 'e' }),
  'an Observable': () => from([1, null, { event: 'e' }, undefined, 'y']),
  'a promise of an Observable': async () => of(1, 2),
  'an Observable without values': () => EMPTY,
  'two Observables in turn': () => concat(of(1), Promise.resolve(2)),
};

const SEVERAL: Record<string, () => unknown> = {
  async *'an async generator'() {
    yield 1;
    yield 2;
  },
  'a stream of Node': () => Readable.from([1, 2]),
  'an endless Observable': () => concat(of(1), NEVER),
};

const SENT: Record<string, unknown[]> = {
  undefined: [],
  null: [],
  'a number': [0],
  'a boolean': [false],
  'an empty text': [''],
  'a text': ['pong'],
  'an object without an event': [{ a: 1 }],
  'an array': [[1, 2]],
  'an object with an event': [{ event: 'e', data: 1 }],
  'a date': [{ event: 'e', data: '1970-01-01T00:00:00.000Z' }],
  'a Buffer': [{ type: 'Buffer', data: [120] }],
  'a promise': [{ event: 'e' }],
  'an Observable': [1, { event: 'e' }, 'y'],
  'a promise of an Observable': [1, 2],
  'an Observable without values': [],
  'two Observables in turn': [1, 2],
};

@WebSocketGateway()
class Results extends Marked {
  @SubscribeMessage('give')
  give(@MessageBody() what: string) {
    return (RESULTS[what] ?? SEVERAL[what])!();
  }
}

/** Frames that come for messages to {@link Messages}. */
function framesFor(...messages: unknown[]): Promise<Both<any[]>> {
  return underBoth({ providers: [Messages] }, async ({ connect }) => (await connect()).exchange(...messages));
}

/** Codes of the error frames in `frames`. */
function codesOf(frames: any[]): string[] {
  return frames.map(frame => `${frame.event} ${frame.data.code}`);
}

describe('a message', () => {
  it('reaches the handler of its event with its data', async () => {
    const seen = await framesFor({ event: 'echo', data: { a: [1] } }, { event: 'plain', data: 'x' });
    expect(seen).toEqual(
      same([
        { event: 'echo', data: { a: [1] } },
        { event: 'plain', data: ['function', 'x'] },
      ]),
    );
  });

  it('may have no data', async () => {
    const seen = await framesFor({ event: 'echo' }, { event: 'echo', data: null });
    expect(seen).toEqual(
      same([
        { event: 'echo', data: 'no data' },
        { event: 'echo', data: null },
      ]),
    );
  });

  it.each([
    ['an object that has it', { of: 1 }, 1],
    ['an object that has it not', {}, 'no data'],
    ['no data', undefined, 'no data'],
    ['null', null, 'no data'],
    ['a text', 'abc', 'no data'],
  ])('gives @MessageBody(property) of %s', async (_, data, part) => {
    expect(await framesFor({ event: 'part', data })).toEqual(same([{ event: 'part', data: part }]));
  });

  it('may be a binary frame with JSON in it', async () => {
    const seen = await framesFor(Buffer.from('{"event":"echo","data":"binary"}'));
    expect(seen).toEqual(same([{ event: 'echo', data: 'binary' }]));
  });

  it('lets its handler send to the socket', async () => {
    expect(await framesFor({ event: 'sends', data: '"sent"' })).toEqual(same(['sent']));
  });

  it.each(Object.keys(RESULTS))('is answered by what its handler returns: %s', async what => {
    const seen = await underBoth({ providers: [Results] }, async ({ connect }) =>
      (await connect()).exchange({ event: 'give', data: what }),
    );
    expect(seen).toEqual(same(SENT[what]));
  });

  it.each(['unknown', '__proto__', 'constructor', 'refresh'])(
    'with an event that nobody handles is refused: %s',
    async event => {
      const { WsAdapter, FanoutAdapter } = await framesFor({ event });
      expect(WsAdapter).toEqual([]);
      expect(codesOf(FanoutAdapter)).toEqual(['error UNKNOWN_EVENT']);
    },
  );

  it.each([
    ['text that is no JSON', 'not json'],
    ['nothing', ''],
    ['an array', '[{"event":"echo"}]'],
    ['null', 'null'],
    ['a text', '"echo"'],
    ['an object without an event', '{}'],
    ['an event that is no text', '{"event":5}'],
    ['bytes', Buffer.from([1, 2])],
  ])('that is no request is refused: %s', async (_, message) => {
    const { WsAdapter, FanoutAdapter } = await framesFor(message);
    expect(WsAdapter).toEqual([]);
    expect(codesOf(FanoutAdapter)).toEqual(['error BAD_MESSAGE']);
  });

  it.each([true, {}, 1.5, 'x'.repeat(65)])('with an unusable id is refused: %j', async id => {
    const { WsAdapter, FanoutAdapter } = await framesFor({ event: 'echo', id, data: 1 });
    expect(WsAdapter).toEqual([{ event: 'echo', data: 1 }]);
    expect(codesOf(FanoutAdapter)).toEqual(['error BAD_MESSAGE']);
  });
});

describe('the id of a message', () => {
  it('is in the frame that answers it', async () => {
    const seen = await framesFor({ event: 'echo', id: 7, data: 'x' });
    expect(seen).toEqual({
      WsAdapter: [{ event: 'echo', data: 'x' }],
      FanoutAdapter: [{ event: 'echo', data: 'x', id: 7 }],
    });
  });

  it.each([
    ['a text', [{ event: 'give', id: 7, data: 'pong' }], ['pong']],
    ['an object without an event', [{ event: 'give', id: 7, data: { a: 1 } }], [{ a: 1 }]],
    [
      'an Observable',
      [
        { event: 'give', id: 7, data: 1 },
        { event: 'e', id: 7 },
        { event: 'give', id: 7, data: 'y' },
        { event: 'complete', id: 7 },
      ],
      [1, { event: 'e' }, 'y'],
    ],
  ])('makes a frame of a result that is none: %s', async (what, withId, withoutId) => {
    const seen = await underBoth({ providers: [Results] }, async ({ connect }) =>
      (await connect()).exchange({ event: 'give', id: 7, data: what }),
    );
    expect(seen).toEqual({ WsAdapter: withoutId, FanoutAdapter: withId });
  });
});

describe('a result of several values', () => {
  it.each(['an async generator', 'a stream of Node'])('is sent value by value: %s', async what => {
    const { WsAdapter, FanoutAdapter } = await underBoth({ providers: [Results] }, async ({ connect }) =>
      (await connect()).exchange({ event: 'give', data: what }),
    );
    expect(WsAdapter).toEqual([expect.not.arrayContaining([1])]);
    expect(FanoutAdapter).toEqual([1, 2]);
  });

  it('has a last frame, and ends when its client cancels its id', async () => {
    const { WsAdapter, FanoutAdapter } = await underBoth({ providers: [Results] }, async ({ connect }) => {
      const client = await connect();
      client.send({ event: 'give', id: 7, data: 'an endless Observable' });
      await client.until(() => client.frames.length > 0);
      return client.exchange({ event: 'cancel', id: 7 });
    });
    expect(WsAdapter).toEqual([]);
    expect(FanoutAdapter).toEqual([{ event: 'complete', id: 7 }]);
  });
});

describe('events of the protocol', () => {
  it('are answered where no gateway handles them', async () => {
    const seen = await framesFor({ event: 'ping' }, { event: 'subscribe', data: { topic: 'x' } });
    expect(seen.WsAdapter).toEqual([]);
    expect(seen.FanoutAdapter).toEqual([
      { event: 'pong' },
      expect.objectContaining({ event: 'error', data: expect.objectContaining({ code: 'UNKNOWN_TOPIC' }) }),
    ]);
  });

  it('go to the handler of a gateway that has one, unless the gateway has topics', async () => {
    @WebSocketGateway()
    class OwnEvents extends Marked {
      @SubscribeMessage('ping')
      ping() {
        return { event: 'my pong' };
      }

      @SubscribeMessage('subscribe')
      subscribe(@MessageBody() data: unknown) {
        return { event: 'my subscribed', data };
      }
    }
    const seen = await underBoth({ providers: [OwnEvents] }, async ({ connect }) =>
      (await connect()).exchange({ event: 'ping' }, { event: 'subscribe', data: 'x' }),
    );
    expect(seen).toEqual(same([{ event: 'my pong' }, { event: 'my subscribed', data: 'x' }]));
  });
});
