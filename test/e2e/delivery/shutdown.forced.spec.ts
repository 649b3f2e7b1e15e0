import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { RawUpgrade } from '../../support/raw-upgrade.js';

/** Without the option the application would wait for as long as this. */
const LONG_MS = 60_000;

@WebSocketGateway({ path: '/down', closeTimeout: LONG_MS })
class Down {}

describe('forceCloseConnections', () => {
  it.each(['express', 'fastify'] as const)(
    'does not wait for a peer that is silent, on %s',
    async platform => {
      const { app, url } = await startApp({
        providers: [Down],
        platform,
        options: { shutdown: { drain: LONG_MS } },
        nest: { forceCloseConnections: true },
      });
      const silent = await (await RawUpgrade.to(`${url}/down`)).answered;
      const client = await Client.connect(`${url}/down`);
      await app.close();
      expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
      await silent.closed;
      // The close frame with 1012 is the last of what it got.
      expect(silent.text).toContain('\u0003\u00f4');
    },
  );

  it('does not wait for a handler that hangs', async () => {
    let begun = (): void => {};
    const running = new Promise<void>(resolve => (begun = resolve));
    @WebSocketGateway({ path: '/hangs' })
    class Hanging {
      @SubscribeMessage('hang')
      hang(): Promise<never> {
        begun();
        return new Promise(() => {});
      }
    }
    const { app, url } = await startApp({
      providers: [Hanging],
      options: { shutdown: { drain: LONG_MS } },
      nest: { forceCloseConnections: true },
    });
    const client = await Client.connect(`${url}/hangs`);
    client.send({ event: 'hang' });
    await running;
    await app.close();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
  });
});
