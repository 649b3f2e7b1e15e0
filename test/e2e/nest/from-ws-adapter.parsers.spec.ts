import type { INestApplication } from '@nestjs/common';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutAdapter } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import {
  isFirstOfMajor,
  linesAt,
  Marked,
  NEST_MAJOR,
  same,
  type Setup,
  underBoth,
} from '../../support/both-adapters.js';

@WebSocketGateway()
class Echo extends Marked {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }
}

/** An application whose adapter has that parser, set as an application would. */
function parsedBy(parser: (data: any) => any): Setup {
  const adapters: Record<string, (app: INestApplication) => WsAdapter | FanoutAdapter> = {
    WsAdapter: app => new WsAdapter(app),
    FanoutAdapter: app => new FanoutAdapter(app),
  };
  return {
    providers: [Echo],
    configure(app, name) {
      const adapter = adapters[name]!(app);
      adapter.setMessageParser(parser);
      app.useWebSocketAdapter(adapter);
    },
  };
}

it('a message parser gets texts as strings and binary frames as buffers', async () => {
  const seen = await underBoth(
    parsedBy(frame => ({ event: 'echo', data: frame.constructor.name, ...marked(frame) })),
    async ({ connect }) => (await connect()).exchange('text', Buffer.from('bytes')),
  );
  expect(seen).toEqual(
    same([
      { event: 'echo', data: 'String' },
      { event: 'echo', data: 'Buffer' },
    ]),
  );
});

it('a message parser that returns nothing drops the frame', async () => {
  const seen = await underBoth(
    parsedBy(frame => (String(frame) === 'drop' ? undefined : JSON.parse(String(frame)))),
    async ({ connect }) => (await connect()).exchange('drop', { event: 'echo' }),
  );
  expect(seen).toEqual(same([{ event: 'echo' }]));
});

it('a message parser that returns null drops the frame', async () => {
  const seen = await underBoth(
    parsedBy(frame => (String(frame) === 'drop' ? null : JSON.parse(String(frame)))),
    async ({ connect }) => (await connect()).exchange('drop', { event: 'echo' }),
  );
  expect(seen).toEqual(same([{ event: 'echo' }]));
});

it('a message parser that throws is logged, and the message refused', async () => {
  const seen = await underBoth(
    parsedBy(frame => {
      if (String(frame) === 'bad') throw new Error('my parser');
      return JSON.parse(String(frame));
    }),
    async ({ connect, lines }) => {
      const frames = await (await connect()).exchange('bad');
      return { codes: frames.map(frame => frame.data.code), lines: linesAt('error', lines) };
    },
  );
  expect(seen).toEqual({
    WsAdapter: { codes: [], lines: NEST_MAJOR === 11 || isFirstOfMajor ? [] : ['Error: my parser'] },
    FanoutAdapter: { codes: ['BAD_MESSAGE'], lines: ['Error: my parser'] },
  });
});

/** The marker of the gateway goes its way under every parser. */
function marked(frame: unknown): object {
  return String(frame).includes('marker') ? { event: 'marker' } : {};
}
