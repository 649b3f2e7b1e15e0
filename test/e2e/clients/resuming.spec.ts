import vm from 'node:vm';
import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  type Connection,
  Connections,
  CurrentConnection,
  type FanoutOptions,
  Topic,
  UseHandshakeGuards,
} from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { WebSocket } from 'ws';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { blocks, read, sections } from '../../unit/docs/markdown.js';
import { failingLink } from '../../support/failing-link.js';

/** The code of the page, as a reader copies it. */
const CODE = blocks(
  sections(read('docs/protocol.md')).find(({ title }) => title === 'A client that resumes')!.body,
)[0]!.code;

const tokens: string[] = [];

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    tokens.push(context.switchToHttp().getRequest().headers.authorization);
    return true;
  }
}

@WebSocketGateway({ path: '/open' })
class OpenGateway {
  /** The connection that subscribed last. */
  connection = '';

  @Topic('feed', { history: 100 })
  feed(@CurrentConnection() { id }: Connection): string {
    this.connection = id;
    return 'snapshot';
  }

  @Topic('scarce.:id')
  scarce(): string {
    return 'snapshot';
  }
}

@UseHandshakeGuards(TokenGuard)
@WebSocketGateway({ path: '/guarded' })
class GuardedGateway {
  @Topic('news', { history: 100 })
  news(): string {
    return 'snapshot';
  }
}

/** Timers that wait until a test runs them, so that the client's ten seconds take no time. */
class ManualClock {
  #now = 0;
  readonly #timers = new Map<object, { at: number; act: () => void }>();

  readonly setTimeout = (act: () => void, ms: number): object => {
    const timer = {};
    this.#timers.set(timer, { at: this.#now + Math.ceil(ms), act });
    return timer;
  };

  readonly clearTimeout = (timer: object): boolean => this.#timers.delete(timer);

  get waiting(): number {
    return this.#timers.size;
  }

  /** Moves the time on to the next timer, runs it and gives the milliseconds that passed. */
  next(): number {
    const [first] = [...this.#timers].sort(([, a], [, b]) => a.at - b.at);
    if (first === undefined) throw new Error('the client waits for nothing');
    const [timer, { at, act }] = first;
    const passed = at - this.#now;
    this.#timers.delete(timer);
    this.#now = at;
    act();
    return passed;
  }
}

/** An application, a link to it, and the means to start the client of the page. */
async function start(options?: FanoutOptions) {
  const { url, get } = await startApp({ providers: [OpenGateway, GuardedGateway, TokenGuard], options });
  const link = await failingLink(url);
  const clock = new ManualClock();
  const heard: unknown[][] = [];
  const sent: { event: string; data?: object }[] = [];
  const received: { event?: string }[] = [];
  let closes = 0;
  tokens.length = 0;

  /** The WebSocket of `ws`, which in place of a browser's needs a listener for errors. */
  class Socket extends WebSocket {
    constructor(address: string, protocols: string[]) {
      // An array of the other realm is no array to every check.
      super(address, [...protocols], { rejectUnauthorized: false });
      this.on('error', () => {});
      this.on('close', () => closes++);
      this.on('message', data => received.push(...[JSON.parse(String(data))].flat()));
      onTestFinished(() => this.terminate());
    }

    override send(text: string): void {
      sent.push(JSON.parse(text));
      super.send(text);
    }
  }

  return {
    url,
    link,
    clock,
    heard,
    ended: () => closes,
    gateway: get(OpenGateway),
    broadcaster: get(Broadcaster),
    connections: get(Connections),
    count: (event: string) => received.filter(frame => frame.event === event).length,
    subscribes: () => sent.filter(({ event }) => event === 'subscribe').map(({ data }) => data),
    follow(path: string, topic: string, token?: () => unknown): () => void {
      const { setTimeout, clearTimeout } = clock;
      const context = vm.createContext({ WebSocket: Socket, setTimeout, clearTimeout });
      vm.runInContext(CODE, context);
      return context.follow(link.url + path, topic, {
        token,
        onSnapshot: (snapshot: unknown) => heard.push(['snapshot', snapshot]),
        onData: (data: unknown) => heard.push(['data', data]),
        onError: ({ code }: { code: string }) => heard.push(['error', code]),
      });
    },
  };
}

const data = (...values: unknown[]) => values.map(value => ['data', value]);

describe('the client of docs/protocol.md, behind a link that fails', () => {
  it('stays connected while the server answers its pings', async () => {
    const { link, clock, heard, count, follow } = await start();
    follow('/open', 'feed');
    await eventually(() => heard.length === 1, 'the snapshot');
    for (let round = 1; round <= 3; round++) {
      clock.next();
      await eventually(() => count('pong') === round, 'the pong');
    }
    expect(link.accepted()).toBe(1);
  });

  it('notices a link that is half open, connects again and resumes', async () => {
    const { link, clock, heard, broadcaster, subscribes, follow } = await start();
    follow('/open', 'feed');
    await eventually(() => heard.length === 1, 'the snapshot');
    broadcaster.publish('feed', 1);
    await eventually(() => heard.length === 2, 'the publication');

    link.silence();
    broadcaster.publish('feed', 2);
    broadcaster.publish('feed', 3);
    await broadcaster.flush();
    const noticed = clock.next() + clock.next();
    expect(noticed).toBeLessThanOrEqual(20_000);
    clock.next();
    await eventually(() => heard.length === 4, 'what was missed');
    broadcaster.publish('feed', 4);
    await eventually(() => heard.length === 5, 'what is new');
    expect(heard).toEqual([['snapshot', 'snapshot'], ...data(1, 2, 3, 4)]);
    expect(subscribes()).toEqual([
      { topic: 'feed' },
      { topic: 'feed', since: expect.stringMatching(/:1$/) as string },
    ]);
  });

  it('resumes after a connection that was cut', async () => {
    const { link, clock, heard, ended, broadcaster, connections, follow } = await start();
    follow('/open', 'feed');
    await eventually(() => heard.length === 1, 'the snapshot');
    link.cut();
    await eventually(() => ended() === 1 && connections.size === 0, 'the end of the connection');
    broadcaster.publish('feed', 1);
    clock.next();
    await eventually(() => heard.length === 2, 'what was missed');
    expect(heard).toEqual([['snapshot', 'snapshot'], ...data(1)]);
  });

  it('gives up a connection that is never answered, and tries again until one is', async () => {
    const { link, clock, heard, follow } = await start();
    link.swallow();
    follow('/open', 'feed');
    for (let attempt = 1; attempt <= 2; attempt++) {
      await eventually(() => link.accepted() === attempt, 'the next attempt');
      expect(clock.next()).toBeLessThanOrEqual(10_000);
      if (attempt === 2) link.pass();
      clock.next();
    }
    await eventually(() => heard.length === 1, 'the snapshot');
    expect(heard).toEqual([['snapshot', 'snapshot']]);
    expect(link.accepted()).toBe(3);
  });

  it('asks again after BUSY, on the same connection', async () => {
    const { url, link, clock, heard, count, subscribes, follow } = await start({ limits: { topics: 1 } });
    const other = await Client.connect(`${url}/open`);
    await other.subscribe('scarce.1');
    follow('/open', 'scarce.2');
    await eventually(() => count('error') === 1, 'the first BUSY');
    clock.next();
    await eventually(() => count('error') === 2, 'the second BUSY');
    await other.request('unsubscribe', { topic: 'scarce.1' });
    clock.next();
    await eventually(() => heard.length === 1, 'the snapshot');
    expect(heard).toEqual([['snapshot', 'snapshot']]);
    expect([link.accepted(), subscribes().length]).toEqual([1, 3]);
  });

  it('ends when the server ends its subscription', async () => {
    const { link, clock, heard, gateway, broadcaster, connections, follow } = await start();
    follow('/open', 'feed');
    await eventually(() => heard.length === 1, 'the snapshot');
    await broadcaster.unsubscribe({ connection: gateway.connection }, 'feed');
    await eventually(() => connections.size === 0, 'the end of the connection');
    expect(heard).toEqual([
      ['snapshot', 'snapshot'],
      ['error', 'UNSUBSCRIBED'],
    ]);
    expect([clock.waiting, link.accepted()]).toEqual([0, 1]);
  });

  it('ends when it is stopped: connected, on a silent link, and before the next connection', async () => {
    const { link, clock, heard, broadcaster, connections, follow } = await start();
    const connected = follow('/open', 'feed');
    await eventually(() => heard.length === 1, 'the snapshot');
    connected();
    await eventually(() => connections.size === 0, 'the end of the connection');
    broadcaster.publish('feed', 1);
    expect(clock.waiting).toBe(0);

    const silent = follow('/open', 'feed');
    await eventually(() => heard.length === 2, 'the second snapshot');
    link.silence();
    silent();
    expect(clock.waiting).toBe(0);

    link.swallow();
    const between = follow('/open', 'feed');
    await eventually(() => link.accepted() === 3, 'the third connection');
    clock.next();
    between();
    expect(clock.waiting).toBe(0);
    expect(heard).toEqual([
      ['snapshot', 'snapshot'],
      ['snapshot', 'snapshot'],
    ]);
  });

  it('asks for a token at each connection, and again when none comes', async () => {
    const { link, clock, heard, broadcaster, follow } = await start();
    const answers = [
      () => Promise.resolve('first'),
      () => new Promise(() => {}),
      () => Promise.reject(new Error('the server of tokens is down')),
      () => 'second',
    ];
    follow('/guarded', 'news', () => answers.shift()!());
    await eventually(() => heard.length === 1, 'the snapshot');
    link.silence();
    broadcaster.publish('news', 1);
    // The ping and its timeout, then for each of the two without a token: the wait before it, and its timeout.
    for (let timer = 1; timer <= 7; timer++) clock.next();
    await eventually(() => heard.length === 2, 'what was missed');
    expect(heard).toEqual([['snapshot', 'snapshot'], ...data(1)]);
    expect(tokens).toEqual(['Bearer first', 'Bearer second']);
    expect(answers).toEqual([]);
  });
});
