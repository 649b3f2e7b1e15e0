import { WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Topic } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import { Client, eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { atRest, startDelivery } from '../../support/delivery.js';
import { Flood, KIB, paused, readOn } from '../../support/slow.js';

@WebSocketGateway()
class Gateway {
  @Topic('big')
  big(): void {}

  @Topic('small')
  small(): void {}
}

/** No flood has so many. */
const LAST = { n: 9999, text: '' };

/** A connection that is behind on `big`, and another one that only wants `small`. */
async function startBehind() {
  const running = await startDelivery([Gateway], { slowConsumer: { maxBytes: 512 * KIB } });
  const { url, broadcaster, connections } = running;
  const healthy = await Client.connect(url);
  await healthy.subscribe('small');
  const slow = await paused(url, ['big', 'small']);
  const flood = new Flood(broadcaster, 'big');
  await flood.untilSlow();
  await flood.publish(4);
  return { ...running, connection: [...connections].at(-1)!, flood, healthy, slow };
}

type Running = Awaited<ReturnType<typeof startBehind>>;

/** Waits until nothing is kept for anybody, and looks whether those who are left are served. */
async function leavesNothing(running: Running): Promise<void> {
  await atRest(running);
  const { core, broadcaster, healthy } = running;
  expect(broadcaster.pressure('big')).toEqual({ slow: 0, queuedBytes: 0, oldestMs: 0 });
  expect(broadcaster.subscribers('big')).toBe(0);
  expect(broadcaster.publish('big', 'nobody')).toBe(0);
  expect(core.topics.size).toBe(1);
  broadcaster.publish('small', 'somebody');
  await healthy.until(() => healthy.publications('small').some(({ data }) => data === 'somebody'));
  await broadcaster.flush();
}

it.each(['resets', 'ends'])('a connection that %s while it is behind leaves nothing behind', async how => {
  const running = await startBehind();
  const { connections, slow, pool } = running;
  expect(pool.stats().inUse).toBeGreaterThan(0);
  // Node cannot reset a TLS connection.
  if (how === 'resets' && !('encrypted' in slow.socket)) slow.socket.resetAndDestroy();
  else slow.socket.destroy();
  await eventually(() => connections.size === 1, 'the end of the dead one');
  await leavesNothing(running);
});

it('a connection that the server terminates while it is behind leaves nothing behind', async () => {
  const running = await startBehind();
  running.connection.socket.terminate();
  await leavesNothing(running);
});

it('a client that unsubscribes while it is behind gets no more of the topic, and all of others', async () => {
  const running = await startBehind();
  const { broadcaster, flood, slow } = running;
  slow.send({ event: 'unsubscribe', id: 'enough', data: { topic: 'big' } });
  await eventually(() => broadcaster.subscribers('big') === 0, 'the end of the subscription');
  await flood.publish(3);
  broadcaster.publish('small', LAST);
  const messages = await readOn(slow, LAST.n);
  const end = messages.findIndex(({ id }) => id === 'enough');
  expect(messages.slice(end)).toEqual([
    { event: 'unsubscribed', id: 'enough', data: { topic: 'big' } },
    { topic: 'small', offset: 1, data: LAST },
  ]);
  expect(account(messages.slice(0, end), 'big').gaps).toEqual([]);
  await leavesNothing(running);
});

it('a client that the server unsubscribes while it is behind is told of what it does not get', async () => {
  const running = await startBehind();
  const { broadcaster, connection, flood, slow } = running;
  const to = flood.count;
  expect(await broadcaster.unsubscribe({ connection: connection.id }, 'big')).toBe(1);
  broadcaster.publish('small', LAST);
  const messages = await readOn(slow, LAST.n);
  expect(messages.slice(-3)).toEqual([
    { event: 'gap', data: expect.objectContaining({ topic: 'big', to, reason: 'slow' }) },
    { event: 'unsubscribed', data: { topic: 'big' } },
    { topic: 'small', offset: 1, data: LAST },
  ]);
  account(messages, 'big');
  await leavesNothing(running);
});

it('a client that the server disconnects while it is behind is told of what it does not get', async () => {
  const running = await startBehind();
  const { broadcaster, connection, flood, slow } = running;
  const to = flood.count;
  expect(await broadcaster.disconnect({ connection: connection.id })).toBe(1);
  slow.socket.resume();
  await slow.until(() => slow.close !== undefined);
  expect(slow.close).toEqual(CLOSE.REMOVED);
  const { gaps, last } = account(slow.messages, 'big');
  expect([gaps.length, last]).toEqual([1, to]);
  slow.socket.end();
  await leavesNothing(running);
});

it('a client that subscribes again while it is behind goes on from where it is', async () => {
  const { broadcaster, flood, slow } = await startBehind();
  slow.send({ event: 'subscribe', id: 'again', data: { topic: 'big' } });
  await flood.publish(3);
  const messages = await readOn(slow, flood.count);
  await eventually(() => broadcaster.pressure('big').slow === 0, 'the end of the catching up');
  expect(messages.filter(({ id }) => id === 'again')).toHaveLength(1);
  const again = messages.filter(({ id }) => id !== 'again');
  expect(account(again, 'big')).toMatchObject({ gaps: [], last: flood.count });
});
