import { WebSocketGateway } from '@nestjs/websockets';
import { Broadcaster, Topic } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawClient } from '../../support/raw-client.js';

@WebSocketGateway()
class Gateway {
  @Topic('mixed')
  mixed(): void {}

  @Topic('other')
  other(): void {}
}

async function start() {
  const { url, get } = await startApp({ providers: [Gateway] });
  const join = async (protocol?: string): Promise<RawClient> => {
    const client = await RawClient.connect(url, protocol);
    await client.subscribe('mixed');
    client.frames.length = 0;
    return client;
  };
  return { url, broadcaster: get(Broadcaster), join };
}

describe('publications of one batch', () => {
  it('are a frame each for plain clients, and one array for fanout.v1.json, on one topic', async () => {
    const { broadcaster, join } = await start();
    const clients = [await join(), await join('fanout.v1.json'), await join(), await join('fanout.v1.json')];
    for (const data of ['ä', { b: [2] }, 3]) broadcaster.publish('mixed', data);
    await broadcaster.flush();
    broadcaster.publish('mixed', 'alone');
    const plain = [
      '{"topic":"mixed","offset":1,"data":"ä"}',
      '{"topic":"mixed","offset":2,"data":{"b":[2]}}',
      '{"topic":"mixed","offset":3,"data":3}',
    ];
    const alone = '{"topic":"mixed","offset":4,"data":"alone"}';
    for (const [i, client] of clients.entries()) {
      const wanted = i % 2 === 0 ? [...plain, alone] : [`[${plain.join(',')}]`, alone];
      await client.until(() => client.frames.length === wanted.length);
      expect(client.texts).toEqual(wanted);
    }
  });

  it('are whole on both sides of every length of a frame header', async () => {
    const { broadcaster, join } = await start();
    const [plain, batched] = [await join(), await join('fanout.v1.json')];
    const empty = '{"topic":"mixed","offset":1,"data":""}'.length;
    const sizes = [125, 126, 65_535, 65_536, 200_000];
    for (const [i, size] of sizes.entries()) {
      broadcaster.publish('mixed', 'x'.repeat(size - empty));
      expect(await broadcaster.position('mixed')).toMatch(new RegExp(`:${i + 1}$`));
    }
    await plain.until(() => plain.texts.length === sizes.length);
    expect(plain.texts.map(text => text.length)).toEqual(sizes);
    const parts = (): any[] => batched.texts.flatMap(text => JSON.parse(text));
    await batched.until(() => parts().length === sizes.length);
    expect(parts().map(({ data }) => data.length + empty)).toEqual(sizes);
  });

  it('are cut into frames that stay small for fanout.v1.json, however many there are', async () => {
    const { broadcaster, join } = await start();
    const client = await join('fanout.v1.json');
    for (let i = 1; i <= 2000; i++) broadcaster.publish('mixed', `${i}-${'y'.repeat(300)}`);
    const parts = (): any[] => client.texts.flatMap(text => JSON.parse(text));
    await client.until(() => parts().length === 2000);
    expect(parts().map(({ offset }) => offset)).toEqual(Array.from({ length: 2000 }, (_, i) => i + 1));
    expect(Math.max(...client.frames.map(({ payload }) => payload.length))).toBeLessThanOrEqual(64 * 1024);
    expect(client.frames.length).toBeLessThan(100);
  });
});

describe('the subprotocol', () => {
  it('fanout.v1.json is chosen wherever it is offered, and another is let be', async () => {
    const { url } = await start();
    const chosen = async (...offered: string[]): Promise<string> =>
      (await Client.connect(url, offered)).socket.protocol;
    expect(await chosen('other', 'fanout.v1.json')).toBe('fanout.v1.json');
    expect(await chosen('fanout.v1.json')).toBe('fanout.v1.json');
    expect(await chosen('graphql-ws')).toBe('graphql-ws');
    expect(await chosen()).toBe('');
  });

  it('does not change answers: they are frames of their own', async () => {
    const { url } = await start();
    const client = await RawClient.connect(url, 'fanout.v1.json');
    client.send({ event: 'subscribe', id: 1, data: { topics: ['mixed', 'other'] } }, { event: 'ping' });
    await client.until(() => client.frames.length === 3);
    expect(client.texts.map(text => JSON.parse(text).event)).toEqual(['subscribed', 'subscribed', 'pong']);
  });
});
