import {
  type ArgumentsHost,
  BadRequestException,
  Catch,
  type ExceptionFilter,
  ParseIntPipe,
  UseFilters,
  UseGuards,
} from '@nestjs/common';
import {
  BaseWsExceptionFilter,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { concat, of, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import {
  type Both,
  linesAt,
  Marked,
  NEST_MAJOR,
  same,
  underBoth,
  uncaught,
} from '../../support/both-adapters.js';

class Closed {
  canActivate(): boolean {
    return false;
  }
}

@Catch()
class Answering implements ExceptionFilter {
  catch(error: Error, host: ArgumentsHost) {
    const context = host.switchToWs();
    const answer = { event: 'filtered', data: [error.message, context.getData(), context.getPattern()] };
    context.getClient<WebSocket>().send(JSON.stringify(answer));
    return { event: 'never sent' };
  }
}

@Catch()
class OfNest extends BaseWsExceptionFilter {}

@Catch()
class Own extends BaseWsExceptionFilter {
  override handleError(client: any, error: Error): void {
    client.send(JSON.stringify({ event: 'own', data: error.message }));
  }
}

const circular: Record<string, unknown> = {};
circular.self = circular;

const FAILURES: Record<string, () => unknown> = {
  text: () => new WsException('not now'),
  object: () => new WsException({ code: 'LATE', message: 'too late', left: 3 }),
  http: () => new BadRequestException(['a is wrong', 'b is wrong']),
  error: () => new Error('SECRET'),
  nothing: () => undefined,
};

@WebSocketGateway()
class Failing extends Marked {
  @SubscribeMessage('fail')
  fail(@MessageBody() what: string) {
    throw FAILURES[what]!();
  }

  @SubscribeMessage('fail later')
  async failLater(@MessageBody() what: string) {
    throw FAILURES[what]!();
  }

  @SubscribeMessage('stream')
  stream() {
    return concat(of(1), throwError(FAILURES.text!));
  }

  @UseGuards(Closed)
  @SubscribeMessage('guarded')
  guarded() {}

  @SubscribeMessage('number')
  number(@MessageBody('n', ParseIntPipe) n: number) {
    return { event: 'number', data: n };
  }

  @UseFilters(Answering)
  @SubscribeMessage('filtered')
  filtered(@MessageBody() what: string) {
    throw FAILURES[what]!();
  }

  @UseFilters(OfNest)
  @SubscribeMessage('of nest')
  ofNest(@MessageBody() what: string) {
    throw FAILURES[what]!();
  }

  @UseFilters(Own)
  @SubscribeMessage('own')
  own(@MessageBody() what: string) {
    throw FAILURES[what]!();
  }

  @SubscribeMessage('circular')
  circular() {
    return circular;
  }

  @SubscribeMessage('map')
  map() {
    return { event: 'map', data: new Map([['a', 1]]) };
  }
}

/** Frames that come, and errors that are logged, for one message. */
function seenFor(message: { event: string; data?: unknown; id?: number }) {
  return underBoth({ providers: [Failing] }, async ({ connect, lines }) => {
    const frames = await (await connect()).exchange(message);
    return { frames, logged: linesAt('error', lines) };
  });
}

/** What Nest's own filter sends: nothing to `ws` clients on Nest 11, where it only emits an event on the socket. */
function byNest(...frames: unknown[]): unknown[] {
  return NEST_MAJOR === 11 ? [] : frames;
}

function exception(event: string, data: unknown, message: string): object {
  return { event: 'exception', data: { status: 'error', message, cause: { pattern: event, data } } };
}

function framesOf(seen: Both<{ frames: unknown[] }>): Both<unknown[]> {
  return { WsAdapter: seen.WsAdapter.frames, FanoutAdapter: seen.FanoutAdapter.frames };
}

describe.each(['fail', 'fail later'])('an exception of a handler (%s)', event => {
  it('that is a WsException with a text has an error frame', async () => {
    expect(framesOf(await seenFor({ event, data: 'text' }))).toEqual({
      WsAdapter: byNest(exception(event, 'text', 'not now')),
      FanoutAdapter: [{ event: 'error', data: { code: 'EXCEPTION', message: 'not now' } }],
    });
  });

  it('that is a WsException with an object has an error frame with its code', async () => {
    const seen = framesOf(await seenFor({ event, data: 'object' }));
    expect(seen.WsAdapter).toEqual(
      byNest({ event: 'exception', data: { code: 'LATE', message: 'too late', left: 3 } }),
    );
    expect(seen.FanoutAdapter).toEqual([
      { event: 'error', data: { code: 'LATE', message: 'too late', details: { left: 3 } } },
    ]);
  });

  it('that is an HttpException has an error frame with its meaning', async () => {
    const seen = await seenFor({ event, data: 'http' });
    expect(seen.WsAdapter.frames).toEqual(byNest(exception(event, 'http', 'Internal server error')));
    const details = ['a is wrong', 'b is wrong'];
    expect(seen.FanoutAdapter.frames).toEqual([
      { event: 'error', data: { code: 'BAD_REQUEST', message: 'a is wrong; b is wrong', details } },
    ]);
    expect(seen.FanoutAdapter.logged).toEqual([]);
  });

  it('that is any other error is logged, and its text is not sent', async () => {
    const seen = await seenFor({ event, data: 'error' });
    expect(seen).toEqual({
      WsAdapter: {
        frames: byNest(exception(event, 'error', 'Internal server error')),
        logged: ['Error: SECRET'],
      },
      FanoutAdapter: {
        frames: [{ event: 'error', data: { code: 'INTERNAL', message: 'Internal error.' } }],
        logged: ['Error: SECRET'],
      },
    });
  });

  it('has the id of its message', async () => {
    const { FanoutAdapter } = await seenFor({ event, data: 'text', id: 7 });
    expect(FanoutAdapter.frames).toMatchObject([{ event: 'error', id: 7 }]);
  });
});

describe('an error frame', () => {
  it('never has the data of the message', async () => {
    const { WsAdapter, FanoutAdapter } = await seenFor({ event: 'fail', data: 'text' });
    expect(WsAdapter.frames.map(frame => frame.data.cause.data)).toEqual(byNest('text'));
    expect(JSON.stringify(FanoutAdapter.frames)).not.toContain('"text"');
  });

  it('answers what a guard refuses', async () => {
    expect(framesOf(await seenFor({ event: 'guarded', data: 1 }))).toEqual({
      WsAdapter: byNest(exception('guarded', 1, 'Forbidden resource')),
      FanoutAdapter: [{ event: 'error', data: { code: 'FORBIDDEN', message: 'Forbidden resource.' } }],
    });
  });

  it('answers what a pipe refuses', async () => {
    const { WsAdapter, FanoutAdapter } = await seenFor({ event: 'number', data: { n: 'x' } });
    expect(WsAdapter.frames).toEqual(byNest(exception('number', { n: 'x' }, 'Internal server error')));
    expect(FanoutAdapter.frames).toMatchObject([{ event: 'error', data: { code: 'BAD_REQUEST' } }]);
  });

  it('follows the values of a stream that fails', async () => {
    expect(framesOf(await seenFor({ event: 'stream', data: 1 }))).toEqual({
      WsAdapter: [1, ...byNest(exception('stream', 1, 'not now'))],
      FanoutAdapter: [1, { event: 'error', data: { code: 'EXCEPTION', message: 'not now' } }],
    });
  });
});

describe('a filter', () => {
  it('gets the exception, answers by itself, and what it returns is not sent', async () => {
    expect(framesOf(await seenFor({ event: 'filtered', data: 'text' }))).toEqual(
      same([{ event: 'filtered', data: ['not now', 'text', 'filtered'] }]),
    );
  });

  it('that extends BaseWsExceptionFilter answers as if there were no filter', async () => {
    expect(framesOf(await seenFor({ event: 'of nest', data: 'text', id: 7 }))).toEqual({
      WsAdapter: byNest(exception('of nest', 'text', 'not now')),
      FanoutAdapter: [{ event: 'error', id: 7, data: { code: 'EXCEPTION', message: 'not now' } }],
    });
  });

  it('that overrides how BaseWsExceptionFilter answers is left to itself', async () => {
    expect(framesOf(await seenFor({ event: 'own', data: 'text' }))).toEqual(
      same([{ event: 'own', data: 'not now' }]),
    );
  });
});

it('a result that cannot be JSON is refused and logged', async () => {
  const ending = uncaught();
  const { WsAdapter, FanoutAdapter } = await seenFor({ event: 'circular' });
  expect(WsAdapter).toEqual({ frames: [], logged: [] });
  expect(ending).toEqual([expect.stringContaining('circular')]);
  expect(FanoutAdapter.frames).toMatchObject([{ event: 'error', data: { code: 'INTERNAL' } }]);
  expect(FanoutAdapter.logged).toHaveLength(1);
});

it('a result that JSON turns to nothing is refused and logged', async () => {
  const { WsAdapter, FanoutAdapter } = await seenFor({ event: 'map' });
  expect(WsAdapter).toEqual({ frames: [{ event: 'map', data: {} }], logged: [] });
  expect(FanoutAdapter.frames).toMatchObject([{ event: 'error', data: { code: 'INTERNAL' } }]);
  expect(FanoutAdapter.logged).toEqual([expect.stringContaining('Map')]);
});
