import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, FanoutMetrics, type MetricsSnapshot, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

@WebSocketGateway()
class Prices {
  @Topic('prices.:symbol')
  price(): void {}

  @Topic('kept', { history: 10 })
  kept(): void {}

  @SubscribeMessage('echo')
  echo(): string {
    return 'back';
  }
}

/** A client that adds up the bytes of the frames that it gets. */
class CountingClient {
  bytes = 0;

  private constructor(readonly client: Client) {
    client.socket.on('message', data => {
      const { length } = data as Buffer;
      this.bytes += length + (length < 126 ? 2 : 4);
    });
  }

  static async connect(url: string, protocols?: string[]): Promise<CountingClient> {
    return new CountingClient(await Client.connect(url, protocols));
  }
}

/** Steps of a test, and by how much each number has grown since the last step. */
class Growth {
  #before: MetricsSnapshot;

  constructor(readonly metrics: FanoutMetrics) {
    this.#before = metrics.snapshot();
  }

  /** Numbers that have changed. The time of flushes is left out, because no test knows it. */
  get(): Record<string, unknown> {
    const after = this.metrics.snapshot();
    const before = this.#before;
    this.#before = after;
    const { flushMs: _, ...changes } = grown(before, after);
    return changes;
  }
}

function grown(before: object, after: object): Record<string, any> {
  const changes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(after)) {
    const earlier = (before as Record<string, any>)[name];
    if (typeof value === 'number') {
      if (value !== (earlier ?? 0)) changes[name] = value - (earlier ?? 0);
      continue;
    }
    const inner = grown(earlier, value as object);
    if (Object.keys(inner).length > 0) changes[name] = inner;
  }
  return changes;
}

async function setup() {
  const app = await startApp({ providers: [Prices] });
  const broadcaster = app.get(Broadcaster);
  const growth = new Growth(app.get(FanoutMetrics));
  return { app, broadcaster, growth };
}

describe('Counters of an application', () => {
  it('grow by exactly what was published, encoded, written and delivered', async () => {
    const { app, broadcaster, growth } = await setup();
    const plain = await CountingClient.connect(app.url);
    const other = await CountingClient.connect(app.url);
    const batched = await CountingClient.connect(app.url, ['fanout.v1.json']);
    const all = [plain, other, batched];
    const bytes = (): number => all.reduce((sum, client) => sum + client.bytes, 0);
    expect(growth.get()).toEqual({ accepted: 3 });

    for (const { client } of all) await client.subscribe('prices.AAPL');
    const ofAnswers = bytes();
    expect(growth.get()).toEqual({ messages: 3, socketWrites: 3, bytes: ofAnswers });

    for (let i = 1; i <= 4; i++) broadcaster.publish('prices.AAPL', { i });
    await broadcaster.flush();
    for (const { client } of all) await client.until(() => client.publications('prices.AAPL').length === 4);
    // One encoding for each of the two formats, one write for each client.
    const expected = { publications: 4, deliveries: 12, encodes: 2, flushes: 1, socketWrites: 3 };
    expect(growth.get()).toEqual({ ...expected, bytes: bytes() - ofAnswers });
    expect(app.get(FanoutMetrics).snapshot().flushMs).toBeGreaterThan(0);

    broadcaster.publish('prices.MSFT', 'for nobody');
    expect(() => broadcaster.publish('prices.MSFT', 1n)).toThrow();
    broadcaster.publish('prices.MSFT', 'once', { idempotencyKey: 'a' });
    broadcaster.publish('prices.MSFT', 'once', { idempotencyKey: 'a' });
    expect(growth.get()).toEqual({ publications: 2 });
  });

  it('count what a client that comes back gets from the history', async () => {
    const { app, broadcaster, growth } = await setup();
    const { client: first } = await CountingClient.connect(app.url);
    const { data } = await first.subscribe('kept');
    await first.close();
    for (let i = 1; i <= 5; i++) broadcaster.publish('kept', i);
    await broadcaster.flush();
    const back = await CountingClient.connect(app.url);
    growth.get();
    await back.client.subscribe('kept', data.position);
    await back.client.until(() => back.client.publications('kept').length === 5);
    // The answer and what was missed leave in one write.
    expect(growth.get()).toEqual({
      messages: 1,
      encodes: 1,
      deliveries: 5,
      socketWrites: 1,
      bytes: back.bytes,
    });
  });

  it('leave out of the deliveries who was excepted', async () => {
    const { app, broadcaster, growth } = await setup();
    const { client } = await CountingClient.connect(app.url);
    const { client: other } = await CountingClient.connect(app.url);
    await client.subscribe('prices.AAPL');
    const [connection] = app.get(Connections);
    await other.subscribe('prices.AAPL');
    growth.get();
    broadcaster.publish('prices.AAPL', 1, { except: connection! });
    broadcaster.publish('prices.AAPL', 2);
    await broadcaster.flush();
    await other.until(() => other.publications('prices.AAPL').length === 2);
    await client.until(() => client.publications('prices.AAPL').length === 1);
    expect(growth.get()).toMatchObject({
      publications: 2,
      deliveries: 3,
      socketWrites: 2,
      gaps: { except: 1 },
    });
  });

  it('count messages, refusals by cause, and closes by code', async () => {
    const { app, growth } = await setup();
    const clients = await Promise.all(Array.from({ length: 5 }, () => CountingClient.connect(app.url)));
    const [polite, rude, broken, closed, silent] = clients.map(({ client }) => client);
    growth.get();
    await polite!.request('echo');
    await polite!.request('nothing like it');
    await polite!.subscribe('elsewhere');
    expect(growth.get()).toMatchObject({ messages: 3, socketWrites: 3, rejected: { message: 1, topic: 1 } });

    await polite!.close();
    rude!.socket.close(4777);
    await rude!.closed;
    broken!.socket.terminate();
    await eventually(() => app.get(Connections).size === 2);
    const [first, second] = app.get(Connections);
    first!.close(4321, 'of the application');
    second!.close(1001);
    await Promise.all([closed!.closed, silent!.closed]);
    await eventually(() => app.get(Connections).size === 0);
    expect(growth.get()).toEqual({ closed: { 1005: 1, other: 1, 1006: 1, 4321: 1, 1001: 1 } });
  });
});
