import { type OnGatewayConnection, type OnGatewayDisconnect, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, BufferPool, Connections, Topic } from 'nestjs-fanout';
import { expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

@WebSocketGateway()
class Gateway implements OnGatewayConnection, OnGatewayDisconnect {
  come = 0;
  gone = 0;

  handleConnection(): void {
    this.come++;
  }

  handleDisconnect(): void {
    this.gone++;
  }

  @Topic('churned')
  churned(): void {}
}

const COMERS = 200;
const AT_ONCE = 20;

it('keeps its promises while 200 connections come and go in the middle of publications', async () => {
  const { url, get } = await startApp({ providers: [Gateway], options: { heartbeat: false } });
  const gateway = get(Gateway);
  const broadcaster = get(Broadcaster);
  const connections = get(Connections);
  const steady = await Client.connect(url);
  await steady.subscribe('churned');

  let published = 0;
  let publishing = true;
  const publish = (): void => {
    if (!publishing) return;
    for (let i = 0; i < 3; i++)
      broadcaster.publish('churned', { n: ++published, text: 'c'.repeat(published % 700) });
    setImmediate(publish);
  };
  publish();

  // Every way to go: closing, vanishing, unsubscribing first, and in the middle of a subscribe.
  const visit = async (number: number): Promise<void> => {
    const visitor = await Client.connect(url, number % 2 === 0 ? ['fanout.v1.json'] : []);
    if (number % 5 === 4) {
      visitor.send({ event: 'subscribe', id: 1, data: { topic: 'churned' } });
      return visitor.socket.terminate();
    }
    const { data } = await visitor.subscribe('churned');
    await visitor.until(() => visitor.publications('churned').length >= 5);
    if (number % 5 === 0) await visitor.request('unsubscribe', { topic: 'churned' });
    if (number % 5 === 1) visitor.socket.terminate();
    else await visitor.close();
    const offsets = visitor.publications('churned').map(({ offset }) => offset);
    const first = Number(data.position.split(':')[1]) + 1;
    expect(offsets).toEqual(offsets.map((_, i) => first + i));
  };
  for (let number = 0; number < COMERS; number += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => visit(number + i)));
  publishing = false;

  await eventually(() => gateway.gone === COMERS, 'the end of every visitor');
  expect(gateway.come).toBe(COMERS + 1);
  expect(connections.size).toBe(1);
  await broadcaster.flush();
  await steady.until(() => steady.publications('churned').length === published);
  expect(steady.publications('churned').map(({ data }) => data.n)).toEqual(
    Array.from({ length: published }, (_, i) => i + 1),
  );
  expect(broadcaster.subscribers('churned')).toBe(1);
  await eventually(() => get(BufferPool).stats().inUse === 0, 'the return of every slab');
});
