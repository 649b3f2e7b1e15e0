import {
  type CanActivate,
  type ExecutionContext,
  Injectable,
  Logger,
  Scope,
  UseGuards,
} from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  type Connection,
  Connections,
  type LeaveReason,
  type OnTopicLeave,
  Topic,
  UseHandshakeGuards,
} from 'nestjs-fanout';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { startApp } from '../../support/app.js';
import { ClaimsGuard, tokenOf } from '../../support/claims.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

/** Lets a user have the topics that its token is good for. */
@Injectable()
class TopicGuard implements CanActivate {
  constructor(private readonly connections: Connections) {}

  canActivate(context: ExecutionContext): boolean {
    const { topic } = context.switchToWs().getData<{ topic: string }>();
    return this.connections.of(context.switchToWs().getClient())!.user.may.includes(topic);
  }
}

@WebSocketGateway({ path: '/chat' })
@UseHandshakeGuards(ClaimsGuard)
class ChatGateway implements OnTopicLeave {
  readonly ended: [id: string, topic: string, reason: LeaveReason][] = [];
  readonly wasSubscribed: boolean[] = [];

  @Topic('rooms.:room', { presence: true })
  @UseGuards(TopicGuard)
  join(): void {}

  handleUnsubscribe(connection: Connection, topic: string, reason: LeaveReason): void {
    this.ended.push([connection.id, topic, reason]);
    this.wasSubscribed.push(connection.topics.has(topic));
  }
}

@WebSocketGateway({ path: '/chat' })
class NewsGateway implements OnTopicLeave {
  readonly ended: [topic: string, reason: LeaveReason][] = [];
  failure: (() => unknown) | undefined;

  @Topic('news.:subject')
  read(): void {}

  @Topic('doomed')
  fail(): void {
    failing();
  }

  handleUnsubscribe(_: Connection, topic: string, reason: LeaveReason): unknown {
    this.ended.push([topic, reason]);
    return this.failure?.();
  }
}

function leave(client: Client, topic: string): void {
  client.send({ event: 'unsubscribe', data: { topic } });
}

function failing(): never {
  throw new Error('in the hook');
}

const ROOMS = ['rooms.a', 'rooms.b'];

async function chat() {
  const running = await startApp({ providers: [ChatGateway, NewsGateway, TopicGuard] });
  const client = await Client.connect(`${running.url}/chat?access_token=${tokenOf({ may: ROOMS })}`);
  const [connection] = running.get(Connections) as Iterable<Connection>;
  const gateway = running.get(ChatGateway);
  return {
    ...running,
    client,
    connection: connection!,
    broadcaster: running.get(Broadcaster),
    gateway,
    news: running.get(NewsGateway),
    /** Waits for so many ends of the rooms, and for whatever would come behind them. */
    async ends(count: number): Promise<string[]> {
      await eventually(() => gateway.ended.length >= count, `${count} ends`);
      await new Promise(setImmediate);
      expect(gateway.ended.every(([id]) => id === connection!.id)).toBe(true);
      return gateway.ended.map(([, topic, reason]) => `${topic} ${reason}`);
    },
  };
}

type Chat = Awaited<ReturnType<typeof chat>>;

describe('handleUnsubscribe()', () => {
  it.each<[LeaveReason, string, (running: Chat) => unknown]>([
    ['unsubscribed', 'a message of the client', ({ client }) => ROOMS.forEach(topic => leave(client, topic))],
    [
      'removed',
      'connection.unsubscribe()',
      ({ connection }) => ROOMS.map(name => connection.unsubscribe(name)),
    ],
    [
      'removed',
      'broadcaster.unsubscribe()',
      ({ broadcaster, connection: { id } }) =>
        ROOMS.map(name => broadcaster.unsubscribe({ connection: id }, name)),
    ],
    [
      'revoked',
      'a renewal with fewer rights',
      ({ client }) => client.send({ event: 'refresh', data: { token: tokenOf({ may: [] }) } }),
    ],
    ['disconnected', 'a close by the client', ({ client }) => client.close()],
    ['disconnected', 'a broken line', ({ client }) => client.socket.terminate()],
    ['closed', 'connection.close()', ({ connection }) => connection.close(4000, 'bye')],
    [
      'closed',
      'broadcaster.disconnect()',
      ({ broadcaster, connection: { id } }) => broadcaster.disconnect({ connection: id }),
    ],
    ['shutdown', 'app.close()', ({ app }) => app.close()],
  ])('is called once for each subscription, with "%s" after %s', async (reason, _, act) => {
    const running = await chat();
    for (const topic of ROOMS) await running.client.subscribe(topic);
    await act(running);
    expect(await running.ends(2)).toEqual([`rooms.a ${reason}`, `rooms.b ${reason}`]);
    expect(running.gateway.wasSubscribed).toEqual([false, false]);
    // The end of the connection is no second end of a subscription.
    await running.app.close();
    expect(running.gateway.ended.length).toBe(2);
    expect(running.news.ended).toEqual([]);
  });

  it('is called again for a subscription that was begun again', async () => {
    const { client, ends } = await chat();
    for (let i = 0; i < 2; i++) {
      await client.subscribe('rooms.a');
      leave(client, 'rooms.a');
    }
    expect(await ends(2)).toEqual(['rooms.a unsubscribed', 'rooms.a unsubscribed']);
  });

  it('is not called for a subscribe that was refused', async () => {
    const { client, app, gateway } = await chat();
    expect(await client.subscribe('rooms.secret')).toMatchObject({ event: 'error' });
    await app.close();
    expect(gateway.ended).toEqual([]);
  });

  it('is not called for a subscribe whose topic method failed, after the subscription was held', async () => {
    const { client, news } = await chat();
    expect((await client.subscribe('doomed')).event).toBe('error');
    await client.subscribe('news.today');
    leave(client, 'news.today');
    await eventually(() => news.ended.length > 0, 'the end of the second topic');
    expect(news.ended).toEqual([['news.today', 'unsubscribed']]);
  });

  it('is called on the gateway of the topic, also for its presence', async () => {
    const { client, connection, ends, news } = await chat();
    await client.subscribe('rooms.a');
    await client.subscribe('rooms.a~presence');
    await client.subscribe('news.sport');
    connection.unsubscribe('rooms.a');
    connection.unsubscribe('news.sport');
    expect(await ends(2)).toEqual(['rooms.a removed', 'rooms.a~presence removed']);
    expect(news.ended).toEqual([['news.sport', 'removed']]);
  });

  it('is called on every gateway of the path for a topic that no @Topic matches', async () => {
    const { connection, ends, news } = await chat();
    connection.subscribe('orders.7');
    connection.unsubscribe('orders.7');
    expect(await ends(1)).toEqual(['orders.7 removed']);
    expect(news.ended).toEqual([['orders.7', 'removed']]);
  });

  it.each([
    ['throws', () => failing()],
    ['rejects', async () => failing()],
  ])('that %s is logged, and harms no other subscription', async (_, failure) => {
    const log = vi.spyOn(Logger.prototype, 'error').mockImplementation(() => {});
    onTestFinished(() => log.mockRestore());
    const { client, broadcaster, news } = await chat();
    news.failure = failure;
    await client.subscribe('news.a');
    await client.subscribe('news.b');
    leave(client, 'news.a');
    await eventually(() => log.mock.calls.length > 0, 'a line of the log');
    expect(log.mock.calls).toHaveLength(1);
    expect(log.mock.calls[0]!.join(' ')).toMatch(/in the hook[^]*handleUnsubscribe failed/);
    broadcaster.publish('news.b', 1);
    await client.until(() => client.publications('news.b').length === 1);
    expect(news.ended).toEqual([['news.a', 'unsubscribed']]);
  });

  it('may publish, and subscribe the connection again', async () => {
    const { client, connection, broadcaster, news } = await chat();
    news.failure = () => {
      if (connection.topics.has('news.a')) return;
      connection.subscribe('news.a');
      broadcaster.publish('news.a', 'again');
    };
    await client.subscribe('news.a');
    leave(client, 'news.a');
    await client.until(() => client.publications('news.a').length === 1);
    expect(connection.topics.has('news.a')).toBe(true);
  });

  it('is waited for by a shutdown', async () => {
    const { client, app, news } = await chat();
    const gate = new Gate();
    let isDone = false;
    news.failure = async () => {
      await gate.passed;
      isDone = true;
    };
    await client.subscribe('news.a');
    const closed = app.close();
    await eventually(() => news.ended.length === 1, 'the end');
    gate.open();
    await closed;
    expect(isDone).toBe(true);
  });

  it('is called on the instance of its connection where a gateway is request-scoped', async () => {
    const served: object[] = [];

    @WebSocketGateway({ path: '/scoped' })
    @Injectable({ scope: Scope.REQUEST })
    class ScopedGateway implements OnTopicLeave {
      @Topic('a')
      join(): void {
        served.push(this);
      }

      handleUnsubscribe(): void {
        served.push(this);
      }
    }
    const { url, app } = await startApp({ providers: [ScopedGateway] });
    const client = await Client.connect(`${url}/scoped`);
    await client.subscribe('a');
    await app.close();
    expect(served.length).toBe(2);
    expect(served[1]).toBe(served[0]);
  });
});
