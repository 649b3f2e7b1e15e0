import { AsyncLocalStorage } from 'node:async_hooks';
import { type CanActivate, UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Connections, Topic } from 'nestjs-fanout';
import { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

const tenant = new AsyncLocalStorage<string>();
/** Every store that something of the application saw, with what it was. */
const seen: [string, string | undefined][] = [];
const note = (what: string): number => seen.push([what, tenant.getStore()]);

class Watch implements CanActivate {
  canActivate(): boolean {
    note('guard');
    return true;
  }
}

@WebSocketGateway()
class Gateway {
  handleConnection(): void {
    note('connect');
    tenant.enterWith('of a hook');
  }

  handleDisconnect(): void {
    note('disconnect');
  }

  @SubscribeMessage('enter')
  enter(): string {
    note('enter');
    tenant.enterWith('of a message');
    return 'entered';
  }

  @SubscribeMessage('late')
  async late(): Promise<string> {
    tenant.enterWith('mine');
    await new Promise(resolve => setImmediate(resolve));
    return String(tenant.getStore());
  }

  @SubscribeMessage('stream')
  stream(): Observable<string> {
    tenant.enterWith('of a stream');
    return new Observable(values => {
      setImmediate(() => {
        values.next(String(tenant.getStore()));
        values.complete();
      });
    });
  }

  emit: (() => void) | undefined;

  @Topic('source')
  source(): Observable<unknown> {
    tenant.enterWith('of the first subscriber');
    return new Observable(values => {
      note('source');
      this.emit = () => values.next({ toJSON: () => note('emit') });
      const timer = setTimeout(() => note('source timer'), 1);
      return () => {
        clearTimeout(timer);
        note('teardown');
      };
    });
  }

  @Topic('renewed', { slow: 'gap' })
  @UseGuards(Watch)
  renewed(): string {
    note('snapshot');
    return 'state';
  }
}

async function start() {
  seen.length = 0;
  const { url, get } = await startApp({
    providers: [Gateway],
    options: { slowConsumer: { maxBytes: 100_000 } },
  });
  return { url, gateway: get(Gateway), broadcaster: get(Broadcaster), connections: get(Connections) };
}

const storesOf = (...what: string[]): unknown[] => [
  ...new Set(seen.filter(([name]) => what.includes(name)).map(([, store]) => store)),
];
const timesOf = (what: string): number => seen.filter(([name]) => name === what).length;

describe('the asynchronous context', () => {
  it('that a message enters is seen by what it starts, and not by the next message of any client', async () => {
    const { url } = await start();
    const [one, other] = [await Client.connect(url), await Client.connect(url)];
    for (const client of [one, one, other, one]) await client.request('enter');
    expect(timesOf('enter')).toBe(4);
    expect(storesOf('enter', 'connect')).toEqual([undefined]);
    expect((await one.request('late')).data).toBe('mine');
    expect((await one.request('stream')).data).toBe('of a stream');
  });

  it('that a message enters is not seen by the messages of the same chunk', async () => {
    const { url } = await start();
    const client = await Client.connect(url);
    await Promise.all([1, 2, 3, 4].map(() => client.request('enter')));
    expect(timesOf('enter')).toBe(4);
    expect(storesOf('enter')).toEqual([undefined]);
  });

  it('of a publisher is not that of the snapshot and the guards of a client that is behind', async () => {
    const { url, broadcaster } = await start();
    const client = await Client.connect(url);
    await client.subscribe('renewed');
    client.socket.pause();
    const data = 'x'.repeat(50_000);
    for (let i = 0; i < 1000 && broadcaster.pressure('renewed').slow === 0; i++) {
      tenant.run('a publisher', () => broadcaster.publish('renewed', data));
      await tenant.run('a publisher', () => new Promise(resolve => setImmediate(resolve)));
    }
    for (let i = 0; i < 10; i++) tenant.run('a publisher', () => broadcaster.publish('renewed', data));
    client.socket.resume();
    await eventually(() => timesOf('snapshot') > 1, 'a further snapshot');
    expect(storesOf('snapshot', 'guard')).toEqual([undefined]);
  });

  it('of the first subscriber is not that of a source, nor that of the last one of its teardown', async () => {
    const { url, gateway } = await start();
    const client = await Client.connect(url);
    await client.subscribe('source');
    await eventually(() => timesOf('source timer') > 0, 'the timer of the source');
    tenant.run('an emitter', () => gateway.emit!());
    await client.until(() => client.publications('source').length > 0);
    await client.request('unsubscribe', { topic: 'source' });
    await eventually(() => timesOf('teardown') > 0, 'the teardown');
    expect(storesOf('source', 'source timer', 'teardown')).toEqual([undefined]);
  });

  it('of whoever closes a connection is not that of handleDisconnect', async () => {
    const { url, broadcaster, connections } = await start();
    const client = await Client.connect(url);
    await client.request('enter');
    const [connection] = [...connections];
    tenant.run('an administrator', () => broadcaster.disconnect({ connection: connection!.id }));
    await eventually(() => timesOf('disconnect') > 0, 'handleDisconnect');
    expect(storesOf('disconnect')).toEqual([undefined]);
  });
});
