import { Injectable } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Broadcaster } from '../../../../lib/broadcast/broadcaster.js';
import { Heartbeat } from '../../../../lib/gateway/nest/heartbeat.decorator.js';
import { Publish } from '../../../../lib/gateway/nest/publish.decorator.js';
import { Topic } from '../../../../lib/gateway/nest/topic.decorator.js';
import { StartChecks } from '../../../../lib/gateway/server/start-checks.js';
import {
  CurrentConnection,
  TopicName,
  TopicParam,
} from '../../../../lib/gateway/session/param.decorators.js';
import { explored } from '../../../support/unit/nest-context.js';

@WebSocketGateway()
class Prices {
  @Topic('prices.:symbol')
  price(@TopicParam('symbol') symbol: string, @TopicName() name: string): string[] {
    return [symbol, name];
  }

  @SubscribeMessage('order')
  order(@CurrentConnection() connection: unknown): unknown {
    return connection;
  }
}

/** Runs the checks over classes, and returns the lines of the log. */
async function run(...classes: (new () => unknown)[]): Promise<string[]> {
  const broadcaster = { provide: Broadcaster, useValue: {} };
  const { modules, explorer, lines } = await explored([...classes, broadcaster]);
  new StartChecks(modules, explorer, { warn: line => lines.push(line) }).run();
  return lines;
}

describe('StartChecks.run()', () => {
  it('has nothing to say about a correct gateway', async () => {
    expect(await run(Prices)).toEqual([]);
  });

  it('warns of a publication to a topic that nobody can subscribe to', async () => {
    @Injectable()
    class Feed {
      @Publish('price.:symbol')
      tick(): void {}
    }

    expect(await run(Prices, Feed)).toEqual([expect.stringContaining('Feed.tick')]);
    expect(await run(Feed)).toEqual([]);
  });

  it('refuses an event that is no text', async () => {
    @WebSocketGateway()
    class Odd {
      @SubscribeMessage(undefined as never)
      order(): void {}
    }

    await expect(run(Odd)).rejects.toMatchObject({ code: 'FANOUT_EVENT_NAME' });
  });

  it('refuses a parameter that is undefined for every topic', async () => {
    @WebSocketGateway()
    class Misspelt {
      @Topic('prices.:symbol')
      price(@TopicParam('simbol') symbol: string): string {
        return symbol;
      }
    }

    @WebSocketGateway()
    class Untopical {
      @SubscribeMessage('order')
      order(@TopicName() name: string): string {
        return name;
      }
    }

    await expect(run(Misspelt)).rejects.toThrow(/has the parameters symbol/);
    await expect(run(Untopical)).rejects.toMatchObject({ code: 'FANOUT_DECORATOR' });
  });

  it('refuses decorators for gateways on other classes', async () => {
    @Heartbeat(false)
    @Injectable()
    class Service {}

    @Injectable()
    class Reader {
      read(@CurrentConnection() connection: unknown): unknown {
        return connection;
      }
    }

    await expect(run(Service)).rejects.toMatchObject({ code: 'FANOUT_DECORATOR' });
    await expect(run(Reader)).rejects.toMatchObject({ code: 'FANOUT_DECORATOR' });
  });
});

describe('StartChecks.watch()', () => {
  it('warns of a gateway that is loaded after the start', async () => {
    const { modules, explorer, lines } = await explored([]);
    const checks = new StartChecks(modules, explorer, { warn: line => lines.push(line) });
    checks.run();
    const late = await explored([Prices]);
    const loader = {
      load: async () => {
        for (const [token, module] of late.modules) modules.set(`late ${token}`, module);
        return 'loaded';
      },
    };
    checks.watch(loader as never);
    expect(await loader.load()).toBe('loaded');
    expect(lines).toEqual([expect.stringContaining('Gateway Prices was loaded after the start')]);
    await loader.load();
    expect(lines).toHaveLength(1);
  });
});
