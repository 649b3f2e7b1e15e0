import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import { Test } from '@nestjs/testing';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  Connections,
  FanoutModule,
  type FanoutOptions,
  Topic,
  UseHandshakeGuards,
} from 'nestjs-fanout';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { WebSocket } from 'ws';
import { PROTOCOLS, Protocols } from '../../../lib/protocol/protocols.js';
import { Client, eventually } from '../../support/client.js';
import { CsvProtocol } from '../../support/csv-protocol.js';
import { Core } from '../../support/unit/core.js';
import { drain, publish, returning, turn } from '../../support/unit/returning.js';

// A second protocol, plugged in without a change to any room: only the list of protocols of the application is another.

class Nobody {
  canActivate(): boolean {
    return false;
  }
}

/** Called by the method of a slow topic, and what it waits for. */
let isAsked: () => void;
let isReady: Promise<void>;

@WebSocketGateway()
class Market {
  @Topic('prices.:symbol', { history: 100 })
  prices(): object {
    return { open: 1 };
  }

  @Topic('news')
  news(): void {}

  @Topic('slow.:x')
  async slow(): Promise<void> {
    isAsked();
    await isReady;
  }

  @SubscribeMessage('double')
  double(@MessageBody() value: number): number {
    return 2 * value;
  }

  @SubscribeMessage('nothing')
  nothing(): void {}

  @SubscribeMessage('fail')
  fail(): void {
    throw new Error('no');
  }
}

@UseHandshakeGuards(Nobody)
@WebSocketGateway({ path: '/closed' })
class Closed {}

const OTHERS = [
  new CsvProtocol({ subprotocol: 'csv', gaps: true, binary: false }),
  new CsvProtocol({ subprotocol: 'csv-quiet', gaps: false, binary: false }),
  new CsvProtocol({ subprotocol: 'csv-ends', gaps: false, ends: true, ping: 'beat', binary: false }),
  new CsvProtocol({ subprotocol: 'csv-binary', gaps: true, binary: true }),
];

async function start(options: FanoutOptions = {}) {
  const testing = await Test.createTestingModule({
    imports: [FanoutModule.forRoot(options)],
    providers: [Market, Closed, Nobody],
  })
    .overrideProvider(PROTOCOLS)
    .useValue(new Protocols(OTHERS))
    .compile();
  const app = testing.createNestApplication({ logger: false });
  onTestFinished(() => app.close());
  await app.listen(0, '127.0.0.1');
  const url = `ws://127.0.0.1:${(app.getHttpServer().address() as AddressInfo).port}`;
  return { url, broadcaster: app.get(Broadcaster), connections: app.get(Connections) };
}

/** A client of the toy protocol: keeps every frame as its text. */
class CsvClient {
  readonly frames: string[] = [];
  readonly kinds = new Set<boolean>();
  readonly closed: Promise<{ code: number; reason: string }>;

  private constructor(readonly socket: WebSocket) {
    socket.on('message', (data, isBinary) => {
      this.frames.push(String(data));
      this.kinds.add(isBinary);
    });
    this.closed = new Promise(resolve =>
      socket.on('close', (code, reason) => resolve({ code, reason: String(reason) })),
    );
    onTestFinished(() => socket.terminate());
  }

  static async connect(url: string, subprotocol?: string, options = {}): Promise<CsvClient> {
    const client = new CsvClient(new WebSocket(url, subprotocol ?? [], options));
    await new Promise((resolve, reject) => client.socket.once('open', resolve).once('error', reject));
    return client;
  }

  /** Sends lines as one frame, and gives the frames that come, as many as are expected. */
  async send(frames: number, ...lines: string[]): Promise<string[]> {
    this.socket.send(lines.join('\n'));
    return this.next(frames);
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }

  async next(count: number): Promise<string[]> {
    await eventually(() => this.frames.length >= count, `${count} frames; got ${this.frames.join(' | ')}`);
    return this.frames.splice(0, count);
  }
}

describe('a second protocol', () => {
  it('is chosen by its subprotocol or by the URL, beside our own', async () => {
    const { url } = await start();
    const [chosen, asked] = [
      await CsvClient.connect(url, 'csv'),
      await CsvClient.connect(`${url}/?protocol=csv`),
    ];
    for (const client of [chosen, asked]) expect(await client.send(1, 'ping,1')).toEqual(['pong,1']);
    expect(chosen.socket.protocol).toBe('csv');
    const ours = await Client.connect(url, ['fanout.v1.json']);
    expect(await ours.request('ping')).toEqual({ event: 'pong', id: 1 });
  });

  it('subscribes, and gets publications, one by one and as a batch, while others get JSON', async () => {
    const { url, broadcaster } = await start();
    const clients = [await CsvClient.connect(url, 'csv'), await CsvClient.connect(url, 'csv')];
    const ours = await Client.connect(url, ['fanout.v1.json']);
    await ours.subscribe('prices.A');
    let epoch = '';
    for (const client of clients) {
      const [answer] = await client.send(1, 'subscribe,1,prices/A');
      expect(answer).toMatch(/^ok,1,.+:0,,\{"open":1\}$/);
      epoch = answer!.split(',')[2]!.split(':')[0]!;
    }
    broadcaster.publish('prices.A', { last: 1 });
    await broadcaster.flush();
    broadcaster.publish('prices.A', 'ä');
    broadcaster.publish('prices.A', 3);
    for (const client of clients) {
      expect(await client.next(2)).toEqual([
        `pub,prices/A,${epoch}:1,{"last":1}`,
        `pub,prices/A,${epoch}:2,"ä"\npub,prices/A,${epoch}:3,3`,
      ]);
    }
    await ours.until(() => ours.publications('prices.A').length === 3);
    expect(await clients[0]!.send(1, 'unsubscribe,2,prices/A')).toEqual(['left,2,prices/A,unsubscribed']);
  });

  it('goes on from a position', async () => {
    const { url, broadcaster } = await start();
    for (const data of [1, 2, 3]) broadcaster.publish('prices.A', data);
    const epoch = (await broadcaster.position('prices.A')).split(':')[0]!;
    const client = await CsvClient.connect(url, 'csv');
    expect(await client.send(3, `subscribe,1,prices/A,${epoch}:1`)).toEqual([
      `ok,1,${epoch}:1,true,{"open":1}`,
      `pub,prices/A,${epoch}:2,2`,
      `pub,prices/A,${epoch}:3,3`,
    ]);
    broadcaster.publish('prices.A', 4);
    expect(await client.next(1)).toEqual([`pub,prices/A,${epoch}:4,4`]);
  });

  it('tells gaps in its own words, or takes no bytes for them and sends no empty frame', async () => {
    const { url, broadcaster, connections } = await start();
    const told = await CsvClient.connect(url, 'csv');
    const quiet = await CsvClient.connect(url, 'csv-quiet');
    for (const client of [told, quiet]) await client.send(1, 'subscribe,1,prices/A');
    // Each of them is left out of the first publication, the second is for both, and the third is for neither.
    for (const { id } of connections) {
      broadcaster.publish('prices.A', 'not for one', { except: id });
      await broadcaster.flush();
    }
    broadcaster.publish('prices.A', 'for all');
    await broadcaster.flush();
    const epoch = (await broadcaster.position('prices.A')).split(':')[0]!;
    const line = (offset: number, text: string): string => `pub,prices/A,${epoch}:${offset},"${text}"`;
    expect(await told.next(3)).toEqual([
      'gap,prices/A,1,1,except',
      line(2, 'not for one'),
      line(3, 'for all'),
    ]);
    expect(await quiet.next(2)).toEqual([line(1, 'not for one'), line(3, 'for all')]);
    expect(quiet.frames).toEqual([]);
  });

  it('tells a gap while catching up, or takes no bytes for it', async () => {
    const { url, broadcaster } = await start();
    const since = await broadcaster.position('prices.A');
    broadcaster.publish('prices.A', 'old', { ttl: 1 });
    broadcaster.publish('prices.A', 'new');
    await eventually(async () => (await broadcaster.history('prices.A')).publications.length === 1);
    const epoch = since.split(':')[0]!;
    const told = await CsvClient.connect(url, 'csv');
    const quiet = await CsvClient.connect(url, 'csv-quiet');
    const answer = `ok,1,${epoch}:0,true,{"open":1}`;
    const line = `pub,prices/A,${epoch}:2,"new"`;
    expect(await told.send(3, `subscribe,1,prices/A,${since}`)).toEqual([
      answer,
      'gap,prices/A,1,1,expired',
      line,
    ]);
    expect(await quiet.send(2, `subscribe,1,prices/A,${since}`)).toEqual([answer, line]);
  });

  it('tells a loss behind the answer, or ends the subscription with it', async () => {
    const { url, broadcaster } = await start({ slowConsumer: { maxBytes: 100_000 } });
    for (const [subprotocol, line] of [
      ['csv', /^gap,slow\/a,1,\d+,slow,$/],
      ['csv-ends', /^left,,slow\/a,lost$/],
    ] as const) {
      const called = new Promise<void>(resolve => (isAsked = resolve));
      let settle!: () => void;
      isReady = new Promise(resolve => (settle = resolve));
      const client = await CsvClient.connect(url, subprotocol);
      client.socket.send('subscribe,1,slow/a');
      await called;
      for (let i = 0; i < 20; i++) broadcaster.publish('slow.a', 'x'.repeat(10_000));
      await broadcaster.flush();
      settle();
      const [first, second] = await client.next(2);
      expect(first).toMatch(/^ok,1,/);
      expect(second).toMatch(line);
      await client.send(1, 'unsubscribe,2,slow/a');
      await client.close();
    }
  });

  it('sends nothing at all where everything that was missed is a gap without bytes', () => {
    const core = new Core({ optionsOf: () => ({ history: 10 }) });
    core.broadcaster.publish('t', 1, { ttl: 1 });
    turn(core);
    core.clock.advance(10);
    const peer = core.connect('', OTHERS[1]!.format);
    const added = vi.spyOn(peer.connection.sink, 'add');
    const subscription = returning(core, peer, 't', 0);
    core.recover(subscription);
    turn(core);
    expect([subscription.live, subscription.cursor, added.mock.calls]).toEqual([true, 1, []]);
    core.broadcaster.publish('t', 2, { except: peer.connection.id });
    turn(core);
    expect([subscription.cursor, added.mock.calls, peer.socket.rawFrames]).toEqual([2, [], []]);
  });

  it('pings with a message in every interval, also while the client is heard', () => {
    const core = new Core();
    const peer = core.connect('', undefined, '/', OTHERS[2]);
    peer.connection.beatPing = 70;
    peer.connection.heard(50);
    expect(peer.connection.beatPing).toBe(70);
    peer.connection.ping();
    core.clock.turn();
    expect(peer.socket.rawFrames.map(({ payload }) => String(payload))).toEqual(['beat']);
  });

  it('gets a reply to every request, in the order of the lines of a frame', async () => {
    const { url } = await start();
    const client = await CsvClient.connect(url, 'csv');
    const lines = [
      'call,1,double,21',
      'call,2,nothing',
      'call,3,fail',
      'call,4,unknown',
      'subscribe,5,no/topic',
    ];
    expect(await client.send(6, ...lines, 'ping,6')).toEqual([
      'reply,1,42',
      'reply,2,',
      'error,3,INTERNAL,',
      'error,4,UNKNOWN_EVENT,',
      'error,5,UNKNOWN_TOPIC,no/topic',
      'pong,6',
    ]);
    expect(await client.send(1, 'nonsense')).toEqual(['error,,BAD_MESSAGE']);
  });

  it('counts each line of a frame as a message', async () => {
    const { url } = await start({ limits: { messagesPerSecond: 1 } });
    const client = await CsvClient.connect(url, 'csv');
    expect(await client.send(3, 'ping,1', 'ping,2', 'ping,3')).toEqual([
      'pong,1',
      'pong,2',
      'error,3,RATE_LIMITED,',
    ]);
  });

  it('gets events of the application, and its own close code behind its own last message', async () => {
    const { url, broadcaster, connections } = await start();
    const client = await CsvClient.connect(url, 'csv');
    await client.send(1, 'ping,1');
    const [connection] = connections;
    connection!.send('hello', { a: 1 });
    expect(await client.next(1)).toEqual(['event,hello,{"a":1}']);
    await broadcaster.disconnect({ connection: connection!.id });
    expect(await client.closed).toEqual({ code: 3500, reason: 'disconnected by the server' });
    expect(client.frames).toEqual(['bye,4500,disconnected by the server']);
  });

  it('is refused with its own close code', async () => {
    const { url } = await start();
    const client = await CsvClient.connect(`${url}/closed`, 'csv');
    expect(await client.closed).toEqual({ code: 3500, reason: 'forbidden' });
    expect(client.frames).toEqual(['bye,4503,forbidden']);
  });

  it('may be binary, compressed or not', async () => {
    const { url, broadcaster } = await start({ compression: { threshold: 100 } });
    const plain = await CsvClient.connect(url, 'csv-binary', { perMessageDeflate: false });
    const deflated = await CsvClient.connect(url, 'csv-binary', { perMessageDeflate: true });
    for (const client of [plain, deflated]) await client.send(1, 'subscribe,1,news');
    const [text, epoch] = ['x'.repeat(1000), (await broadcaster.position('news')).split(':')[0]!];
    broadcaster.publish('news', text);
    for (const client of [plain, deflated]) {
      expect(await client.next(1)).toEqual([`pub,news,${epoch}:1,"${text}"`]);
      expect([...client.kinds]).toEqual([true]);
    }
  });

  it.each([
    ['told', true],
    ['not told', false],
  ])('has a slow client %s of its loss', (_, gaps) => {
    const core = new Core({ maxUnsentBytes: 100_000, optionsOf: () => ({ slow: 'gap' }) });
    const { format } = new CsvProtocol({ subprotocol: 'csv', gaps, binary: false });
    const peer = core.connect('', format);
    const added = vi.spyOn(peer.connection.sink, 'add');
    core.activate(core.topics.hold(peer.connection, 't'));
    core.clock.turn();
    peer.socket.stalled = true;
    publish(core, 't', 100);
    drain(core, peer);
    peer.socket.stalled = false;
    publish(core, 't', 1);
    const texts = peer.socket.rawFrames.map(({ payload }) => String(payload));
    const kept = texts.filter(text => text.startsWith('pub'));
    expect(texts.length - kept.length).toBe(gaps ? 1 : 0);
    expect(kept.at(-1)).toMatch(/^pub,t,[^,]*:101,/);
    expect(kept.length).toBeLessThan(100);
    expect(added.mock.calls.filter(([{ bytes }]) => bytes === 0)).toEqual([]);
    if (gaps) expect(texts.at(-2)).toMatch(/^gap,t,\d+,100,slow$/);
  });
});
