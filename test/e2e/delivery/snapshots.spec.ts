import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, Topic, TopicParam } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

/** Snapshots that a test finishes by hand. */
@WebSocketGateway()
class Gateway {
  readonly making: ((snapshot: unknown) => void)[] = [];

  @Topic('slow.:id')
  slow(@TopicParam('id') _id: string): Promise<unknown> {
    return new Promise(resolve => this.making.push(resolve));
  }

  @Topic('failing')
  failing(): Promise<unknown> {
    return new Promise((_, reject) => this.making.push(reject));
  }
}

async function start() {
  const { url, get } = await startApp({ providers: [Gateway] });
  const gateway = get(Gateway);
  return {
    gateway,
    broadcaster: get(Broadcaster),
    connections: get(Connections),
    connect: (protocols?: string[]) => Client.connect(url, protocols),
    /** Sends a subscribe and waits until its method makes the snapshot. */
    async begin(client: Client, topic: string): Promise<(snapshot: unknown) => void> {
      const before = gateway.making.length;
      client.send({ event: 'subscribe', id: 'slow', data: { topic } });
      await eventually(() => gateway.making.length > before, 'the call of the method');
      return gateway.making.at(-1)!;
    },
  };
}

describe.each([[[]], [['fanout.v1.json']]])(
  'what is published while a snapshot is made, with %j',
  protocols => {
    it('follows the answer, once and in order, before anything live', async () => {
      const { begin, connect, broadcaster } = await start();
      const [early, late] = [await connect(), await connect(protocols)];
      const earlySnapshot = await begin(early, 'slow.1');
      earlySnapshot('early');
      await early.next(frame => frame.event === 'subscribed');
      broadcaster.publish('slow.1', 1);
      await broadcaster.flush();

      const finish = await begin(late, 'slow.1');
      broadcaster.publish('slow.1', 2);
      broadcaster.publish('slow.1', 3);
      await broadcaster.flush();
      // Not yet handed over when the answer leaves.
      broadcaster.publish('slow.1', 4);
      finish('state after 1');
      broadcaster.publish('slow.1', 5);
      await late.next(frame => frame.event === 'subscribed');
      broadcaster.publish('slow.1', 6);

      for (const client of [early, late])
        await client.until(() => client.publications('slow.1').some(({ data }) => data === 6));
      expect(late.frames).toMatchObject([
        { event: 'subscribed', id: 'slow', data: { topic: 'slow.1', snapshot: 'state after 1' } },
        ...[2, 3, 4, 5, 6].map(data => ({ topic: 'slow.1', offset: data, data })),
      ]);
      expect(late.frames[0].data.position).toMatch(/:1$/);
      expect(early.publications('slow.1').map(({ data }) => data)).toEqual([1, 2, 3, 4, 5, 6]);
    });

    it('follows also when nobody else listens and nothing is kept', async () => {
      const { begin, connect, broadcaster } = await start();
      const client = await connect(protocols);
      const finish = await begin(client, 'slow.2');
      for (let i = 1; i <= 50; i++) {
        broadcaster.publish('slow.2', i);
        if (i % 10 === 0) await broadcaster.flush();
      }
      expect(client.frames).toEqual([]);
      finish('ready');
      await client.until(() => client.publications('slow.2').length === 50);
      expect(client.frames[0]).toMatchObject({ event: 'subscribed', data: { snapshot: 'ready' } });
      expect(client.publications('slow.2').map(({ offset, data }) => offset === data && data)).toEqual(
        Array.from({ length: 50 }, (_, i) => i + 1),
      );
    });
  },
);

describe('a snapshot', () => {
  it('that takes more than the log can wait for is followed by a gap, never by a silent loss', async () => {
    const { begin, connect, broadcaster } = await start();
    const client = await connect();
    const finish = await begin(client, 'slow.3');
    for (let i = 1; i <= 40; i++) {
      broadcaster.publish('slow.3', 'x'.repeat(64 * 1024));
      await broadcaster.flush();
    }
    finish('old');
    await client.next(frame => frame.event === 'subscribed');
    broadcaster.publish('slow.3', 'live');
    await client.until(() => client.publications('slow.3').some(({ data }) => data === 'live'));
    const [answer, gap, ...publications] = client.frames;
    const from = Number(answer.data.position.split(':')[1]) + 1;
    expect(gap).toStrictEqual({
      event: 'gap',
      data: {
        topic: 'slow.3',
        from,
        to: expect.any(Number),
        position: expect.any(String),
        reason: 'slow',
      },
    });
    expect(gap.data.position.split(':')[1]).toBe(String(gap.data.to));
    expect(publications.map(({ offset }) => offset)).toEqual(
      Array.from({ length: 41 - gap.data.to }, (_, i) => gap.data.to + 1 + i),
    );
  });

  it('that fails leaves no subscription behind', async () => {
    const { begin, connect, broadcaster, connections } = await start();
    const client = await connect();
    const fail = await begin(client, 'failing');
    broadcaster.publish('failing', 1);
    fail(new Error('no snapshot'));
    expect(await client.next(frame => frame.id === 'slow')).toMatchObject({
      event: 'error',
      data: { code: 'INTERNAL', topic: 'failing' },
    });
    const [connection] = connections;
    expect([...connection!.topics]).toEqual([]);
    expect(broadcaster.subscribers('failing')).toBe(0);
    await client.request('ping');
    expect(client.publications('failing')).toEqual([]);
  });

  it('that fails for a client who was subscribed already leaves it subscribed', async () => {
    const { begin, connect, broadcaster, connections } = await start();
    const client = await connect();
    const [connection] = connections;
    connection!.subscribe('failing');
    const fail = await begin(client, 'failing');
    fail(new Error('no snapshot'));
    await client.next(frame => frame.id === 'slow');
    expect(broadcaster.publish('failing', 1)).toBe(1);
    await client.until(() => client.publications('failing').length === 1);
  });

  it('that is ready after its client has gone is for nobody', async () => {
    const { begin, connect, broadcaster, connections } = await start();
    const client = await connect();
    const finish = await begin(client, 'slow.4');
    client.socket.terminate();
    await eventually(() => connections.size === 0, 'the end of the client');
    finish('too late');
    const other = await connect();
    await other.request('ping');
    expect(broadcaster.subscribers('slow.4')).toBe(0);
    expect(broadcaster.publish('slow.4', 1)).toBe(0);
  });
});
