import { type CanActivate, Injectable, UseGuards } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import { type Connection, Connections, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/client.js';
import { account } from '../../support/account.js';
import { startDelivery } from '../../support/delivery.js';
import { Flood, KIB, paused, turn } from '../../support/slow.js';

/** Lets a client through when it is open. */
@Injectable()
class Gate implements CanActivate {
  asked = 0;
  open!: () => void;
  #wait: Promise<void> | undefined;

  shut(): void {
    this.#wait = new Promise(resolve => (this.open = resolve));
  }

  async canActivate(): Promise<boolean> {
    this.asked++;
    await this.#wait;
    return true;
  }
}

@WebSocketGateway()
class Gateway {
  @Topic('state', { slow: 'gap' })
  @UseGuards(Gate)
  state(): string {
    return 'state';
  }
}

/** A slow reader that has lost something, while the guard of its new snapshot takes its time. */
async function renewing() {
  const running = await startDelivery([Gateway, Gate], { slowConsumer: { maxBytes: 512 * KIB } });
  const gate = running.get(Gate);
  const slow = await paused(running.url, ['state']);
  const flood = new Flood(running.broadcaster, 'state');
  await flood.untilSlow();
  await flood.publish(60);
  gate.shut();
  const { asked } = gate;
  slow.socket.resume();
  while (gate.asked === asked) await turn();
  const [connection] = running.get(Connections) as Iterable<Connection>;
  return { ...running, gate, slow, flood, connection: connection! };
}

describe('while a new snapshot is in the making', () => {
  it('a subscription that the server ends does not come back, and its client is told of the loss', async () => {
    const { broadcaster, gate, slow, flood, connection } = await renewing();
    connection.unsubscribe('state');
    gate.open();
    await slow.until(() => slow.messages.some(({ event }) => event === 'unsubscribed'));
    await turn();
    expect([[...connection.topics], broadcaster.subscribers('state')]).toEqual([[], 0]);
    expect(account(slow.messages, 'state').gaps).toMatchObject([{ to: flood.count, reason: 'slow' }]);
  });

  it('a subscribe by the server changes nothing', async () => {
    const { gate, slow, flood, connection } = await renewing();
    expect(connection.subscribe('state')).toBe(false);
    gate.open();
    await slow.until(() => slow.messages.some(({ event }) => event === 'gap'));
    const { gaps, last } = account(slow.messages, 'state');
    expect(gaps).toMatchObject([{ reason: 'slow', snapshot: 'state' }]);
    expect(last).toBeLessThanOrEqual(flood.count);
  });

  it('a client that subscribes anew is told of the loss before its answer', async () => {
    const { gate, slow, broadcaster } = await renewing();
    slow.send({ event: 'subscribe', id: 'again', data: { topic: 'state' } });
    await eventually(() => gate.asked === 3, 'the second subscribe');
    gate.open();
    await slow.until(() => slow.messages.some(({ id }) => id === 'again'));
    broadcaster.publish('state', 'on');
    await slow.until(() => slow.messages.at(-1)!.data === 'on');
    expect(account(slow.messages, 'state').gaps).toHaveLength(1);
  });
});
