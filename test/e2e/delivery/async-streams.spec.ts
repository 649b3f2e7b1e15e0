import { PassThrough, Readable } from 'node:stream';
import { APP_INTERCEPTOR } from '@nestjs/core';
import { ClassSerializerInterceptor } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Exclude } from 'class-transformer';
import { Broadcaster, Connections, Topic, TopicName } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

/** Streams that a test feeds and ends. Each kind counts those that were begun and those that were ended. */
class Feeds {
  readonly begun: string[] = [];
  readonly ended: string[] = [];
  readonly gates = new Map<string, Gate>();
  pulled = 0;

  async *generator(name: string): AsyncGenerator<unknown> {
    this.begun.push(name);
    try {
      yield { n: 1 };
      yield { n: 2 };
      await this.gate(name).passed;
      yield { n: 3 };
    } finally {
      this.ended.push(name);
    }
  }

  iterable(name: string): AsyncIterable<unknown> {
    return { [Symbol.asyncIterator]: () => this.generator(name) };
  }

  node(name: string): Readable {
    this.begun.push(name);
    const stream = new PassThrough({ objectMode: true });
    stream.write({ n: 1 });
    stream.write({ n: 2 });
    void this.#third(name, () => void (stream.destroyed || stream.end({ n: 3 })));
    stream.once('close', () => this.ended.push(name));
    return stream;
  }

  web(name: string): ReadableStream<unknown> {
    this.begun.push(name);
    let cancelled = false;
    return new ReadableStream({
      start: controller => {
        controller.enqueue({ n: 1 });
        controller.enqueue({ n: 2 });
        void this.#third(name, () => {
          if (cancelled) return;
          controller.enqueue({ n: 3 });
          controller.close();
          this.ended.push(name);
        });
      },
      cancel: () => {
        cancelled = true;
        this.ended.push(name);
      },
    });
  }

  #third(name: string, then: () => void): Promise<void> {
    return this.gate(name).passed.then(then);
  }

  /** Opened by a test to let the third value come. */
  gate(name: string): Gate {
    const gate = this.gates.get(name) ?? new Gate();
    this.gates.set(name, gate);
    return gate;
  }

  async *fast(): AsyncGenerator<string> {
    try {
      for (;;) yield `${this.pulled++} ${'x'.repeat(16 * 1024)}`;
    } finally {
      this.ended.push('fast');
    }
  }
}

const KINDS = ['generator', 'iterable', 'node', 'web'] as const;

/** The feeds of the running test. */
const scene = { feeds: new Feeds() };

@WebSocketGateway()
class Gateway {
  #of(name: string): unknown {
    return scene.feeds[name.split('.')[0] as (typeof KINDS)[number]](name);
  }

  @Topic(':kind.direct')
  direct(@TopicName() name: string) {
    return this.#of(name);
  }

  @Topic(':kind.promised')
  async promised(@TopicName() name: string) {
    return this.#of(name);
  }

  @SubscribeMessage('reply')
  reply(_: unknown, name: string) {
    return this.#of(name);
  }

  @SubscribeMessage('promised')
  async replyLater(_: unknown, name: string) {
    return this.#of(name);
  }

  @Topic('fast')
  fast() {
    return scene.feeds.fast();
  }

  @SubscribeMessage('fast')
  fastReply() {
    return scene.feeds.fast();
  }

  @SubscribeMessage('failing')
  async *failing() {
    yield 1;
    throw new Error('no');
  }

  @SubscribeMessage('broken-end')
  async *brokenEnd() {
    try {
      yield 1;
      yield 2;
    } finally {
      // oxlint-disable-next-line no-unsafe-finally -- that is what it is about
      throw new Error('in its end');
    }
  }

  @SubscribeMessage('values')
  values() {
    return [1, 2];
  }
}

const start = async () => {
  scene.feeds = new Feeds();
  const running = await startApp({ providers: [Gateway], options: { heartbeat: false } });
  return { ...running, feeds: scene.feeds, client: await Client.connect(running.url) };
};

const numbers = (frames: any[]): number[] => frames.map(({ data }) => data.n);

describe.each(KINDS)('what a method returns as %s', kind => {
  it.each(['direct', 'promised'])(
    'feeds its topic (%s), once for all, until the last subscriber leaves',
    async how => {
      const { client, url, feeds } = await start();
      const name = `${kind}.${how}`;
      const other = await Client.connect(url);
      expect((await client.subscribe(name)).data).not.toHaveProperty('snapshot');
      await client.until(() => client.publications(name).length === 2);
      await other.subscribe(name);
      expect(numbers(client.publications(name))).toEqual([1, 2]);
      feeds.gate(name).open();
      await other.until(() => other.publications(name).length === 1);
      expect(numbers(other.publications(name))).toEqual([3]);
      await eventually(() => feeds.ended.length === feeds.begun.length, 'the end of every stream');
    },
  );

  it('is ended when the last subscriber leaves, and when nobody needs it', async () => {
    const { client, url, feeds, get } = await start();
    const name = `${kind}.direct`;
    const other = await Client.connect(url);
    await client.subscribe(name);
    await client.until(() => client.publications(name).length === 2);
    await other.subscribe(name);
    client.socket.terminate();
    await eventually(() => get(Broadcaster).subscribers(name) === 1);
    await other.request('unsubscribe', { topic: name });
    feeds.gate(name).open();
    await eventually(() => feeds.ended.includes(name), 'the end of the source');
    expect(get(Broadcaster).subscribers(name)).toBe(0);
  });

  it.each(['reply', 'promised'])(
    'is a frame for each value of a reply (%s), and a last frame',
    async event => {
      const { client, feeds } = await start();
      client.send({ event, id: 7, data: `${kind}.x` });
      await client.until(() => client.frames.length === 2);
      // Another message is handled meanwhile.
      expect((await client.request('values')).data).toEqual([1, 2]);
      feeds.gate(`${kind}.x`).open();
      await client.next(frame => frame.event === 'complete');
      const frames = client.frames.filter(frame => frame.id === 7);
      expect(frames).toEqual([
        ...[1, 2, 3].map(n => ({ event, id: 7, data: { n } })),
        { id: 7, event: 'complete' },
      ]);
      await eventually(() => feeds.ended.length === 1);
    },
  );

  it('is ended when the client cancels, goes or the server closes', async () => {
    const { app, client, url, feeds } = await start();
    const [going, staying] = [await Client.connect(url), await Client.connect(url)];
    client.send({ event: 'reply', id: 'a', data: `${kind}.cancelled` });
    going.send({ event: 'reply', data: `${kind}.gone` });
    staying.send({ event: 'reply', data: `${kind}.closed` });
    for (const each of [client, going, staying]) await each.until(() => each.frames.length === 2);
    client.send({ event: 'cancel', id: 'a' });
    await client.next(frame => frame.event === 'complete');
    going.socket.terminate();
    const done = (name: string) =>
      eventually(() => feeds.ended.includes(`${kind}.${name}`), `end of ${name}`);
    const open = (name: string) => feeds.gate(`${kind}.${name}`).open();
    // A generator that waits for something else ends behind that.
    if (kind === 'generator' || kind === 'iterable') open('cancelled');
    await done('cancelled');
    if (kind === 'generator' || kind === 'iterable') open('gone');
    await done('gone');
    const closed = app.close();
    if (kind === 'generator' || kind === 'iterable') open('closed');
    await done('closed');
    await closed;
    expect(client.frames).toHaveLength(3);
  });
});

describe('a generator that never waits', () => {
  it('lets the others have their turn, and waits for a client that does not read', async () => {
    const { client, url, feeds, get } = await start();
    client.send({ event: 'fast', id: 1 });
    await client.until(() => client.frames.length > 20);
    const other = await Client.connect(url);
    expect((await other.request('values')).data).toEqual([1, 2]);
    client.socket.pause();
    const [connection] = get(Connections);
    await eventually(() => connection!.bufferedBytes > 64 * 1024, 'a full socket');
    expect(connection!.bufferedBytes).toBeLessThan(512 * 1024);
    client.socket.resume();
    client.send({ event: 'cancel', id: 1 });
    await client.next(frame => frame.event === 'complete');
    await eventually(() => feeds.ended.includes('fast'));
    const { pulled } = feeds;
    expect((await other.request('values')).data).toEqual([1, 2]);
    expect(feeds.pulled).toBe(pulled);
  });

  it('may feed a topic', async () => {
    const { client, feeds } = await start();
    await client.subscribe('fast');
    await client.until(() => client.publications('fast').length > 50);
    await client.request('unsubscribe', { topic: 'fast' });
    await eventually(() => feeds.ended.includes('fast'));
  });
});

describe('a generator that throws', () => {
  it('answers with the error, and no frame says that it is complete', async () => {
    const { client } = await start();
    client.send({ event: 'failing', id: 1 });
    await client.next(frame => frame.event === 'error');
    await client.request('values');
    expect(client.frames.filter(({ id }) => id === 1).map(({ event }) => event)).toEqual([
      'failing',
      'error',
    ]);
  });

  it('in its end harms nobody', async () => {
    const { client } = await start();
    client.send({ event: 'broken-end', id: 'x' });
    await client.next(frame => frame.data === 1);
    client.send({ event: 'cancel', id: 'x' });
    expect((await client.request('values')).data).toEqual([1, 2]);
  });
});

describe('a ClassSerializerInterceptor', () => {
  class User {
    readonly name = 'Ann';
    @Exclude()
    readonly password = 'secret';
  }

  @WebSocketGateway()
  class Users {
    @Topic('snapshot')
    snapshot() {
      return new User();
    }

    @Topic('source')
    async *source() {
      yield new User();
    }

    @SubscribeMessage('reply')
    reply() {
      return [new User()];
    }

    @SubscribeMessage('stream')
    async *stream() {
      yield new User();
      await new Promise(() => {});
    }
  }

  it('serialises snapshots, sources, replies and streams, and a stream holds up no message', async () => {
    const { url } = await startApp({
      providers: [Users, { provide: APP_INTERCEPTOR, useClass: ClassSerializerInterceptor }],
    });
    const client = await Client.connect(url);
    const plain = { name: 'Ann' };
    expect((await client.subscribe('snapshot')).data.snapshot).toEqual(plain);
    expect((await client.request('reply')).data).toEqual([plain]);
    await client.subscribe('source');
    await client.until(() => client.publications('source').length === 1);
    expect(client.publications('source')[0]!.data).toEqual(plain);
    client.send({ event: 'stream', id: 's' });
    expect((await client.next(frame => frame.id === 's')).data).toEqual(plain);
    client.send({ event: 'cancel', id: 's' });
    expect(await client.next(frame => frame.event === 'complete')).toEqual({ id: 's', event: 'complete' });
  });
});
