import { WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { atRest } from '../../support/delivery.js';
import { connectedThrough, firstAnswer, startWithLine } from '../../support/lines.js';

/** A window is far smaller, so it is cut. */
const LARGE = 'large '.repeat(150_000);

/** Takes a while to compress, and is large still. */
const RAW = Array.from({ length: 20_000 }, (_, i) => (i * i).toString(36)).join(' ');

const LARGE_FRAME = { event: 'large', data: LARGE };

class Base {
  @Topic('news')
  news(): void {}
}

@WebSocketGateway()
class Gateway extends Base {}

/** What the application sends itself, `ws` compresses in a thread and writes later. */
@WebSocketGateway({ path: '/deflated', perMessageDeflate: true })
class DeflatedGateway extends Base {}

/** A client that has answered a ping. From now on its line passes on nothing. */
async function start(path = '') {
  const running = await startWithLine([Gateway, DeflatedGateway]);
  const { line, connections, broadcaster } = running;
  const through = await connectedThrough(line, connections, url => Client.connect(url + path));
  const { client, link } = through;
  await client.subscribe('news');
  await firstAnswer(broadcaster, 'news', link);
  client.frames.length = 0;
  link.shut();
  return { ...running, ...through };
}

/** A client that has the beginning of a large message, and is not given the rest. */
async function startCut() {
  const running = await start();
  const { link, connection } = running;
  connection.send('large', LARGE);
  await link.settled();
  expect(connection.bufferedBytes).toBeGreaterThan(LARGE.length / 2);
  expect(link.held).toBeLessThan(LARGE.length / 2);
  link.pass(link.held);
  return running;
}

type Cut = Awaited<ReturnType<typeof startCut>>;

describe('while a large message is cut', () => {
  it('what the application sends itself follows it', async () => {
    const { client, link, connection, ...rest } = await startCut();
    connection.socket.send(JSON.stringify({ raw: RAW }));
    connection.send('large', LARGE);
    connection.socket.send(JSON.stringify({ raw: 'last' }));
    await link.settled();
    link.open();
    await client.until(() => client.frames.length === 4);
    expect(client.frames).toEqual([LARGE_FRAME, { raw: RAW }, LARGE_FRAME, { raw: 'last' }]);
    await atRest(rest);
  });

  it('what the application has sent before, and ws has compressed meanwhile, is not put into it', async () => {
    const { client, link, connection, ...rest } = await start('/deflated');
    connection.socket.send(JSON.stringify({ raw: RAW }));
    connection.send('large', LARGE);
    await eventually(() => connection.socket.bufferedAmount === 0, 'the end of the compression');
    await link.settled();
    link.open();
    await client.until(() => client.frames.length === 2);
    expect(client.frames).toEqual(expect.arrayContaining([LARGE_FRAME, { raw: RAW }]));
    await atRest(rest);
  });

  it('a ping of the application arrives', async () => {
    const { client, link, connection } = await startCut();
    const seen: string[] = [];
    client.socket.on('ping', data => seen.push(String(data)));
    connection.socket.ping('hello');
    link.open();
    await eventually(() => seen.includes('hello'), 'the ping');
    await client.next(({ event }) => event === 'large');
    expect(client.frames).toEqual([LARGE_FRAME]);
  });

  it.each(['connection', 'socket'] as const)('a close of the %s comes after it', async of => {
    const { client, link, connection, ...rest } = await startCut();
    if (of === 'connection') connection.close(4100, 'bye');
    else connection.socket.close(4100, 'bye');
    link.open();
    expect(await client.closed).toEqual({ code: 4100, reason: 'bye' });
    expect(client.frames).toEqual([LARGE_FRAME]);
    await atRest(rest);
  });

  it('a shutdown comes after it', async () => {
    const { client, link, connection, app } = await startCut();
    const closed = app.close();
    await eventually(() => connection.socket.readyState !== connection.socket.OPEN, 'the close');
    link.open();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    expect(client.frames).toEqual([LARGE_FRAME]);
    await closed;
  });

  it.each([
    ['its connection is cut off', ({ connection }: Cut) => connection.socket.terminate()],
    ['its client says goodbye', ({ client }: Cut) => client.socket.close()],
    ['its client is gone', ({ client }: Cut) => client.socket.terminate()],
  ])('nothing is kept when %s', async (_, end) => {
    const cut = await startCut();
    end(cut);
    cut.link.open();
    await cut.client.closed;
    await eventually(() => cut.connections.size === 0, 'the end of the connection');
    await atRest(cut);
  });
});
