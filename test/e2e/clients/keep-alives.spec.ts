import { once } from 'node:events';
import type { INestApplication } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { FanoutAdapter, FanoutMetrics, type FanoutOptions, type MessageParser } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

let begun = new Gate();
let working = new Gate();

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return { event: 'echo', data };
  }

  @SubscribeMessage('work')
  async work() {
    begun.open();
    await working.passed;
    return { event: 'worked' };
  }
}

/** A gateway with an event of that name. */
@WebSocketGateway({ path: '/own' })
class OwnGateway {
  @SubscribeMessage('ping')
  ping() {
    return { event: 'mine' };
  }
}

interface Setup {
  readonly options?: FanoutOptions;
  readonly parser?: MessageParser;
  readonly path?: string;
  readonly protocols?: string[];
}

/** A client that keeps each frame as it came; a frame that is not text gets a mark. */
async function connect({ options, parser, path = '', protocols = [] }: Setup = {}) {
  const lines: string[] = [];
  const error = (...parts: unknown[]): void => void lines.push(parts.map(String).join(' '));
  const { url, get } = await startApp({
    providers: [Gateway, OwnGateway],
    ...(options && { options }),
    nest: { logger: { log() {}, warn() {}, error } },
    configure(app: INestApplication) {
      if (parser !== undefined) app.get(FanoutAdapter).setMessageParser(parser);
    },
  });
  const socket = new WebSocket(url + path, protocols);
  onTestFinished(() => socket.terminate());
  const frames: string[] = [];
  socket.on('message', (data, isBinary) => frames.push(isBinary ? `binary ${String(data)}` : String(data)));
  await once(socket, 'open');
  return {
    socket,
    frames,
    lines,
    metrics: get(FanoutMetrics),
    /** Sends messages and gives the frames that came for them. */
    async exchange(...messages: (string | Buffer)[]): Promise<string[]> {
      for (const message of messages) socket.send(message);
      socket.send('{"event":"echo","data":"marker"}');
      await eventually(() => frames.at(-1)?.includes('marker') === true, 'the marker');
      return frames.splice(0).slice(0, -1);
    },
  };
}

const codeOf = (frame: string): unknown => JSON.parse(frame).data.code;

// `DEFAULT_HEARTBEAT` of react-use-websocket 4 and `DEFAULT_PING_MESSAGE` of useWebSocket in @vueuse/core 14 are this
// text. test/neighbours runs the packages themselves.
describe('the text ping of react-use-websocket and vueuse', () => {
  it.each([
    ['text', 'ping'],
    ['binary', Buffer.from('ping')],
  ])('in a %s frame is answered with the text pong, and is no bad message', async (_, ping) => {
    const { exchange, metrics } = await connect();
    expect(await exchange(ping, ping)).toEqual(['pong', 'pong']);
    expect(metrics.rejected.message).toBe(0);
  });

  it('is answered with the text pong in every format', async () => {
    const { exchange } = await connect({ protocols: ['fanout.v1.json'] });
    expect(await exchange('ping')).toEqual(['pong']);
  });

  it.each(['PING', 'Ping', ' ping', 'ping\n', '"ping"', 'pong', 'ping2', Buffer.from('Ping')])(
    'is exactly that text: %j is a bad message',
    async text => {
      const { exchange, metrics } = await connect();
      expect((await exchange(text)).map(codeOf)).toEqual(['BAD_MESSAGE']);
      expect(metrics.rejected.message).toBe(1);
    },
  );

  it('is not the event ping, which is answered as JSON', async () => {
    const { exchange } = await connect();
    expect(await exchange('{"event":"ping","id":1}')).toEqual(['{"event":"pong","id":1}']);
  });

  it('is not for a gateway that handles the event ping itself', async () => {
    const { socket, frames } = await connect({ path: '/own' });
    for (const message of ['ping', '{"event":"ping"}']) socket.send(message);
    await eventually(() => frames.length === 2, 'two answers');
    expect(frames).toEqual(['pong', '{"event":"mine"}']);
  });

  it('waits for the messages before it', async () => {
    [begun, working] = [new Gate(), new Gate()];
    const { socket, frames } = await connect();
    for (const message of ['{"event":"work"}', 'ping']) socket.send(message);
    await begun.passed;
    working.open();
    await eventually(() => frames.length === 2, 'two answers');
    expect(frames).toEqual(['{"event":"worked"}', 'pong']);
  });

  it('counts for limits.messagesPerSecond', async () => {
    const { socket, frames, metrics } = await connect({ options: { limits: { messagesPerSecond: 10 } } });
    for (let count = 0; count < 100; count++) socket.send('ping');
    await eventually(() => frames.length === 100 || socket.readyState !== WebSocket.OPEN, 'the answers');
    expect(frames.filter(frame => frame === 'pong').length).toBeLessThan(50);
    expect(frames.filter(frame => frame.includes('RATE_LIMITED')).length).toBeGreaterThan(0);
    expect(metrics.rejected['message-rate']).toBeGreaterThan(0);
  });
});

describe('the text ping and a message parser of the application', () => {
  it('is a message when the parser makes one of it', async () => {
    const { exchange } = await connect({
      parser: frame =>
        String(frame) === 'ping' ? { event: 'echo', data: 'of the parser' } : JSON.parse(String(frame)),
    });
    expect(await exchange('ping')).toEqual(['{"event":"echo","data":"of the parser"}']);
  });

  it.each([undefined, null])('is dropped when the parser returns %s', async nothing => {
    const { exchange } = await connect({
      parser: frame => (String(frame) === 'ping' ? nothing : JSON.parse(String(frame))),
    });
    expect(await exchange('ping')).toEqual([]);
  });

  it.each<[string, MessageParser]>([
    ['throws', frame => JSON.parse(String(frame))],
    ['returns no message', frame => (String(frame) === 'ping' ? ({} as never) : JSON.parse(String(frame)))],
  ])('is answered when the parser %s, and nothing is logged', async (_, parser) => {
    const { exchange, lines, metrics } = await connect({ parser });
    expect(await exchange('ping', Buffer.from('ping'))).toEqual(['pong', 'pong']);
    expect(lines).toEqual([]);
    expect(metrics.rejected.message).toBe(0);
  });
});
