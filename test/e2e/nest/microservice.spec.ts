import type { OnModuleDestroy } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { SocketModule } from '@nestjs/websockets/socket-module.js';
import { Broadcaster, CLOSE, FanoutModule, Topic } from 'nestjs-fanout';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Client } from '../../support/client.js';
import { freePort } from '../../support/free-port.js';

/** Parts of Nest that `NestFactory.createMicroservice()` puts together. */
interface Parts {
  readonly container: never;
  readonly applicationConfig: never;
  readonly graphInspector: never;
}

/** Starts and closes an application without HTTP server as a microservice does: gateways first, hooks after that. */
async function startMicroservice(...providers: (new (...args: never[]) => unknown)[]) {
  const warnings: string[] = [];
  const testing: TestingModule = await Test.createTestingModule({
    imports: [FanoutModule.forRoot()],
    providers,
  })
    .setLogger({ log() {}, error() {}, warn: (line: string) => void warnings.push(line) })
    .compile();
  const { container, applicationConfig, graphInspector } = testing as unknown as Parts;
  const sockets = new SocketModule();
  await sockets.register(container, applicationConfig, graphInspector, {});
  await testing.init();
  const close = async (): Promise<void> => {
    await sockets.close();
    await testing.close();
  };
  onTestFinished(close);
  return { close, warnings };
}

describe('a microservice with a gateway', () => {
  it('on a port of its own closes its clients with 1012, after what onModuleDestroy publishes', async () => {
    const port = await freePort();
    @WebSocketGateway(port)
    class Own implements OnModuleDestroy {
      constructor(private readonly broadcaster: Broadcaster) {}

      @Topic('news')
      news() {}

      @SubscribeMessage('x')
      x(): unknown {
        return 1;
      }

      onModuleDestroy(): void {
        this.broadcaster.publish('news', 'last');
      }
    }
    Reflect.defineMetadata('design:paramtypes', [Broadcaster], Own);
    const { close } = await startMicroservice(Own);
    const client = await Client.connect(`ws://127.0.0.1:${port}`);
    await client.subscribe('news');
    await close();
    expect((await client.closed).code).toBe(CLOSE.SHUTDOWN.code);
    expect(client.publications('news').map(({ data }) => data)).toEqual(['last']);
    await expect(Client.connect(`ws://127.0.0.1:${port}`)).rejects.toThrow('ECONNREFUSED');
  });

  it('without a port says that it is not served, and opens none', async () => {
    @WebSocketGateway({ path: '/nowhere' })
    class Nowhere {}
    const before = process.getActiveResourcesInfo().filter(kind => kind === 'TCPServerWrap').length;
    const { warnings } = await startMicroservice(Nowhere);
    expect(process.getActiveResourcesInfo().filter(kind => kind === 'TCPServerWrap')).toHaveLength(before);
    const [line, ...others] = warnings.filter(each => each.includes('Nowhere'));
    expect(line).toMatch(/Nowhere will not be served: .*Give it a port/);
    expect(others).toEqual([]);
  });
});
