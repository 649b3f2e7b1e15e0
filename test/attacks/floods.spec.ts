import { UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, CLOSE, Connections, type FanoutOptions, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { maskedText, RawClient } from '../support/raw-client.js';
import { Gate } from '../support/gate.js';
import type { RunningApp } from '../support/app.js';
import { Client, eventually } from '../support/client.js';
import { startFanout, startPlain } from '../support/attacks/servers.js';

/** Waits for what never comes, until the test opens the gate. */
class SlowGateway {
  readonly gate = new Gate();
  running = 0;
  most = 0;
  ever = 0;

  protected async work(): Promise<void> {
    this.ever++;
    this.most = Math.max(this.most, ++this.running);
    await this.gate.passed;
    this.running--;
  }
}

describe('A36 a flood of messages whose handlers take time', () => {
  const COUNT = 2000;

  @WebSocketGateway()
  class Gateway extends SlowGateway {
    @SubscribeMessage('work')
    override work(): Promise<void> {
      return super.work();
    }

    @SubscribeMessage('echo')
    echo(): string {
      return 'on';
    }
  }

  const attack = async ({ url }: RunningApp): Promise<RawClient> => {
    const client = await RawClient.connect(url);
    client.socket.write(Buffer.concat(Array<Buffer>(COUNT).fill(maskedText('{"event":"work"}'))));
    return client;
  };

  it('control: WsAdapter runs a handler for each at once', async () => {
    const running = await startPlain({ providers: [Gateway] });
    await attack(running);
    await eventually(() => running.get(Gateway).running === COUNT, 'two thousand handlers');
  });

  it.each([1, 4])('runs limits.inFlight of them (%i) and reads no more', async inFlight => {
    const limits = { messagesPerSecond: 0, bytesPerSecond: 0, inFlight };
    const running = await startFanout({ providers: [Gateway], options: { limits } });
    const gateway = running.get(Gateway);
    const bystander = await Client.connect(running.url);
    await attack(running);
    const attacked = [...running.get(Connections)].at(-1)!;
    await eventually(() => attacked.socket.isPaused, 'the pause');
    expect((await bystander.request('echo')).data).toBe('on');
    expect(gateway.running).toBe(inFlight);
    gateway.gate.open();
    await eventually(() => gateway.ever === COUNT, 'the rest');
    expect(gateway.most).toBe(inFlight);
  });

  it('leaves up to half of limits.unreadyBytes behind, however often the client comes back', async () => {
    const limits = { connections: 1, unreadyBytes: 220_000 };
    const { url, get } = await startFanout({ providers: [Gateway], options: { limits } });
    const gateway = get(Gateway);
    const message = maskedText(JSON.stringify({ event: 'work', data: 'x'.repeat(10_000) }));
    for (let i = 1; i <= 5; i++) {
      const client = await RawClient.connect(url);
      client.socket.end(Buffer.concat(Array<Buffer>(6).fill(message)));
      await eventually(() => gateway.ever === i && get(Connections).size === 0, 'its end');
    }
    gateway.gate.open();
    await eventually(() => gateway.running === 0, 'the end of all');
    // One of each was being handled; of two there was room for the other five.
    expect(gateway.ever).toBe(5 + 2 * 5);
  });
});

@WebSocketGateway()
class TopicGateway extends SlowGateway {
  static allowed = new Set<string>();

  @Topic('rooms.:room', { history: 100 })
  room(): void {}

  @Topic('slow.:room')
  async slow(): Promise<string> {
    await this.work();
    return 'snapshot';
  }

  @Topic('denied.:room')
  @UseGuards({ canActivate: () => false })
  denied(): void {}
}

async function start(limits: FanoutOptions['limits']) {
  const unlimited = { messagesPerSecond: 0, subscribesPerSecond: 0, rejections: 0, ...limits };
  const { url, get } = await startFanout({ providers: [TopicGateway], options: { limits: unlimited } });
  return { url, get, client: await Client.connect(url), gateway: get(TopicGateway) };
}

const roomsOf = (prefix: string, count: number): string[] =>
  Array.from({ length: count }, (_, i) => `${prefix}.${i}`);

/** Codes of the refusals among the answers to one subscribe each. */
async function refusals(client: Client, topics: readonly string[]): Promise<string[]> {
  const answers: { data: { code?: string } }[] = [];
  for (const topic of topics) answers.push(await client.subscribe(topic));
  return answers.flatMap(({ data }) => data.code ?? []);
}

describe('A25, A26 what one connection may have under way', () => {
  it('is limited for subscriptions in one frame, which is refused whole', async () => {
    const { client } = await start({ topicsPerConnection: 10 });
    const { data } = await client.request('subscribe', { topics: roomsOf('rooms', 11) });
    expect(data.code).toBe('TOO_MANY_TOPICS');
    client.send({ event: 'subscribe', id: 'ten', data: { topics: roomsOf('rooms', 10) } });
    await client.until(() => client.frames.filter(({ event }) => event === 'subscribed').length === 10);
    expect(client.frames).toHaveLength(11);
  });

  it('is limited for subscriptions that are not answered yet, and given back', async () => {
    const { client, gateway } = await start({ topicsPerConnection: 10 });
    client.send({ event: 'subscribe', data: { topics: roomsOf('slow', 10) } });
    await eventually(() => gateway.running === 10, 'ten subscribes');
    client.send({ event: 'subscribe', data: { topics: roomsOf('slow', 10) } });
    client.send({ event: 'subscribe', data: { topic: 'rooms.1' } });
    gateway.gate.open();
    await client.until(() => client.frames.length === 21);
    const codes = client.frames.filter(({ event }) => event === 'error').map(({ data }) => data.code);
    expect(codes).toEqual(['TOO_MANY_TOPICS']);
    await client.request('unsubscribe', { topic: 'slow.1' });
    expect(await refusals(client, ['rooms.1'])).toEqual([]);
  });
});

describe('A26 messages of many connections that are not ready', () => {
  const MESSAGE = maskedText(JSON.stringify({ event: 'order', data: 'x'.repeat(50_000) }));

  @WebSocketGateway()
  class Gateway extends SlowGateway {
    handled = 0;

    handleConnection(): Promise<void> {
      return this.work();
    }

    @SubscribeMessage('order')
    order(): void {
      this.handled++;
    }
  }

  it('may wait up to limits.unreadyBytes, which is given back', async () => {
    const { url, get } = await startFanout({
      providers: [Gateway],
      options: { limits: { unreadyBytes: 250_000 } },
    });
    const gateway = get(Gateway);
    const clients = await Promise.all(Array.from({ length: 6 }, () => RawClient.connect(url)));
    for (const { socket } of clients) socket.write(MESSAGE);
    const closed = (): RawClient[] => clients.filter(({ close }) => close !== undefined);
    await eventually(() => closed().length === 2, 'the refusal of two');
    expect(closed().map(({ close }) => close)).toEqual([CLOSE.BUSY, CLOSE.BUSY]);
    gateway.gate.open();
    await eventually(() => gateway.handled === 4, 'the messages of four');
    const next = await RawClient.connect(url);
    next.socket.write(MESSAGE);
    await eventually(() => gateway.handled === 5, 'one more');
  });
});

describe('A40 a flood of subscribes to topics that nobody has', () => {
  it('is limited for each connection', async () => {
    const { client } = await start({ topicsPerConnection: 5 });
    expect(await refusals(client, roomsOf('rooms', 7))).toEqual(Array(2).fill('TOO_MANY_TOPICS'));
  });

  it('is limited for the process, whoever asks', async () => {
    const { client, url, gateway } = await start({ topics: 5 });
    gateway.gate.open();
    const other = await Client.connect(url);
    expect(await refusals(client, roomsOf('rooms', 4))).toEqual([]);
    // The same four, a fifth, and one more.
    expect(await refusals(other, [...roomsOf('rooms', 5), 'slow.1', 'slow.2'])).toEqual(['BUSY', 'BUSY']);
    await client.request('unsubscribe', { topic: 'rooms.1' });
    await other.request('unsubscribe', { topic: 'rooms.1' });
    expect(await refusals(client, ['slow.1'])).toEqual([]);
  });

  it('is limited in each second, though every topic is left again', async () => {
    const { client } = await start({ subscribesPerSecond: 1, topicsPerConnection: 5 });
    for (let i = 0; i < 30; i++) {
      client.send({ event: 'subscribe', data: { topic: `rooms.${i}` } });
      client.send({ event: 'unsubscribe', data: { topic: `rooms.${i}` } });
    }
    await client.until(() => client.frames.length === 60);
    const refused = client.frames.filter(({ data }) => data.code === 'RATE_LIMITED');
    expect(refused.length).toBeGreaterThanOrEqual(15);
    expect(client.frames.filter(({ event }) => event === 'subscribed').length).toBeGreaterThanOrEqual(10);
  });

  it('leaves nothing behind when the client unsubscribes, leaves or is refused', async () => {
    const { client, url, get } = await start({ topics: 10, topicsPerConnection: 100 });
    for (let round = 0; round < 10; round++) {
      const rooms = roomsOf(`rooms`, 10).map(room => `${room}${round}`);
      expect(await refusals(client, rooms)).toEqual([]);
      for (const topic of rooms) await client.request('unsubscribe', { topic });
      expect(await refusals(client, roomsOf('denied', 20))).toEqual(Array(20).fill('FORBIDDEN'));
      const leaving = await Client.connect(url);
      expect(await refusals(leaving, roomsOf(`rooms`, 10))).toEqual([]);
      await leaving.close();
      await eventually(() => get(Connections).size === 1);
    }
  });
});

describe('A43 everybody comes back at once and asks for what was missed', () => {
  const CLIENTS = 100;
  const PUBLICATIONS = 100;

  it('gets it whole, and it is not encoded again for each of them', async () => {
    const { url, get } = await start({});
    const broadcaster = get(Broadcaster);
    const since = (await broadcaster.position('rooms.1')).replace(/\d+$/, '0');
    for (let i = 0; i < PUBLICATIONS; i++) broadcaster.publish('rooms.1', 'x'.repeat(1000));
    await broadcaster.flush();
    const epoch = (await broadcaster.position('rooms.1')).replace(/\d+$/, '0');
    expect(since.endsWith(':0')).toBe(true);
    const clients = await Promise.all(Array.from({ length: CLIENTS }, () => Client.connect(url)));
    const before = get(BufferPool).stats().taken;
    const answers = await Promise.all(clients.map(client => client.subscribe('rooms.1', epoch)));
    expect(answers.every(({ data }) => data.recovered === true)).toBe(true);
    await Promise.all(
      clients.map(client => client.until(() => client.publications('rooms.1').length === PUBLICATIONS)),
    );
    expect(get(BufferPool).stats().taken - before).toBeLessThan(CLIENTS);
  });

  describe('and some of them read nothing', () => {
    const TURNS = 2;
    const LEAST_TURN_MS = 1000;
    /** More than the kernel takes for a socket that nobody reads. */
    const HISTORY = 24;
    const BYTES = 500_000;

    @WebSocketGateway()
    class HistoryGateway {
      asked = 0;

      @Topic('history', { history: { size: HISTORY, bytes: HISTORY * BYTES * 2 } })
      history(): void {
        this.asked++;
      }
    }

    it('is served history.recoveries at a time, and waits for none of those longer than a second', async () => {
      const options = { history: { recoveries: TURNS } };
      const { url, get } = await startFanout({ providers: [HistoryGateway], options });
      const broadcaster = get(Broadcaster);
      for (let i = 0; i < HISTORY; i++) broadcaster.publish('history', 'x'.repeat(BYTES));
      await broadcaster.flush();
      const since = (await broadcaster.position('history')).replace(/\d+$/, '0');
      const connect = (count: number): Promise<RawClient[]> =>
        Promise.all(Array.from({ length: count }, () => RawClient.connect(url)));
      const comeBack = async (some: readonly RawClient[]): Promise<void> => {
        const all = get(HistoryGateway).asked + some.length;
        for (const client of some) client.send({ event: 'subscribe', data: { topic: 'history', since } });
        await eventually(() => get(HistoryGateway).asked === all, 'every subscribe');
      };
      const [attackers, readers] = [await connect(2 * TURNS), await connect(2)];
      for (const { socket } of attackers) socket.pause();
      const started = performance.now();
      await comeBack(attackers);
      await comeBack(readers);
      const served = (): number =>
        [...get(Connections)].filter(({ bufferedBytes }) => bufferedBytes > 0).length;
      const most = (): number => TURNS * (1 + Math.floor((performance.now() - started) / LEAST_TURN_MS));
      for (let now = 0; now < attackers.length;) {
        now = served();
        expect(now).toBeLessThanOrEqual(most());
        await new Promise(resolve => setTimeout(resolve, 5));
      }
      // The answer, and what was missed.
      const have = (some: readonly RawClient[], count: number): Promise<unknown> =>
        Promise.all(some.map(client => client.until(() => client.count === 1 + count)));
      await have(readers, HISTORY);
      broadcaster.publish('history', 'and what is new');
      for (const { socket } of attackers) socket.resume();
      await have([...attackers, ...readers], HISTORY + 1);
      for (const { messages } of [...attackers, ...readers]) {
        expect(messages[0].data.recovered).toBe(true);
        const offsets = messages.slice(1).map(({ offset }) => offset as number);
        expect(offsets).toEqual(Array.from({ length: HISTORY + 1 }, (_, i) => i + 1));
      }
    });
  });

  it('is told different times to come back at by a server that goes down', async () => {
    const { app, url } = await startFanout({ providers: [TopicGateway] });
    const clients = await Promise.all(Array.from({ length: 30 }, () => Client.connect(url)));
    await app.close();
    const delays = await Promise.all(
      clients.map(async ({ closed }) => Number(/retry-after=(\d+)/.exec((await closed).reason)![1])),
    );
    expect(new Set(delays).size).toBeGreaterThan(20);
  });
});
