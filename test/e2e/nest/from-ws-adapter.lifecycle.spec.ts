import { WsAdapter as NestAdapter } from '@nestjs/platform-ws';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { beforeEach, expect, it } from 'vitest';
import type { WebSocketServer } from 'ws';
import { eventually } from '../../support/client.js';
import { linesAt, Marked, outcomeOf, start, turns, underBoth } from '../../support/both-adapters.js';

const told: string[] = [];

beforeEach(() => void (told.length = 0));

@WebSocketGateway()
class Closing extends Marked {
  static release: () => void;

  @SubscribeMessage('slow')
  async slow() {
    told.push('handler begins');
    await new Promise<void>(resolve => (Closing.release = resolve));
    told.push('handler ends');
    return { event: 'slow' };
  }

  async handleDisconnect(): Promise<void> {
    await turns(3);
    told.push('disconnected');
  }

  onModuleDestroy(): void {
    told.push('onModuleDestroy');
  }

  onApplicationShutdown(): void {
    told.push('onApplicationShutdown');
  }
}

const setup = { providers: [Closing] };

it('app.close() closes clients with 1012 and a time to come back', async () => {
  const { WsAdapter, FanoutAdapter } = await underBoth(setup, async ({ app, connect }) => {
    const client = await connect();
    await client.exchange();
    await app.close();
    return client.closed;
  });
  expect(WsAdapter).toEqual({ code: 1006, reason: '' });
  expect(FanoutAdapter).toEqual({
    code: 1012,
    reason: expect.stringMatching(/^service restart; retry-after=\d+$/),
  });
});

it('app.close() waits for handlers and for handleDisconnect()', async () => {
  const seen = await underBoth(setup, async ({ app, connect }) => {
    told.length = 0;
    const client = await connect();
    client.send({ event: 'slow' });
    await eventually(() => told.includes('handler begins'));
    const closing = app.close();
    await turns();
    Closing.release();
    await closing;
    await eventually(() => told.length >= 5);
    return { told: told.slice(1), frames: client.frames };
  });
  expect(seen.FanoutAdapter).toEqual({
    told: ['onModuleDestroy', 'handler ends', 'disconnected', 'onApplicationShutdown'],
    frames: [{ event: 'slow' }],
  });
  expect(seen.WsAdapter.told.indexOf('onApplicationShutdown')).toBeLessThan(3);
  expect(seen.WsAdapter.frames).toEqual([]);
});

it('while app.close() runs, new clients are answered 503', async () => {
  const seen = await underBoth(setup, async ({ adapter, app, connect }) => {
    told.length = 0;
    const client = await connect();
    client.send({ event: 'slow' });
    await eventually(() => told.includes('handler begins'));
    const closing = app.close();
    await turns();
    const outcome = await outcomeOf(connect());
    Closing.release();
    await closing;
    return adapter === 'WsAdapter' ? outcome.replace(/^ECONN(REFUSED|RESET)$/, 'refused') : outcome;
  });
  expect(seen).toEqual({ WsAdapter: 'refused', FanoutAdapter: '503' });
});

it('events are logged at start', async () => {
  const { WsAdapter, FanoutAdapter } = await underBoth(setup, async ({ lines }) =>
    linesAt('log', lines).filter(line => line.includes('subscribed to')),
  );
  expect(WsAdapter).toContain('Closing subscribed to the "slow" message');
  expect(FanoutAdapter).toEqual(WsAdapter);
});

it.each(['WsAdapter', 'FanoutAdapter'] as const)('a preview starts no server: %s', async adapter => {
  const starting = start(adapter, { ...setup, nest: { preview: true } });
  await expect(starting).rejects.toThrow('preview mode');
});

it('WsAdapter without an HTTP server opens a random port for a gateway without one', async () => {
  const adapter = new NestAdapter();
  const server = adapter.create(0, {}) as WebSocketServer;
  await eventually(() => server.address() !== null);
  expect(server.address()).toMatchObject({ port: expect.any(Number) });
  await adapter.close(server);
});
