import { Catch, HttpException, type LoggerService, UseFilters } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { Connections, Topic } from 'nestjs-fanout';
import { map, NEVER, Subject, throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';

// What escapes in these tests is an unhandled rejection, for which vitest fails.

const odd: Record<string, () => unknown> = {
  'a WsException of undefined': () => new WsException(undefined as never),
  'a WsException of null': () => new WsException(null as never),
  'an HttpException of null': () => new HttpException(null as never, 400),
  'an HttpException with a symbol': () => new HttpException({ message: [Symbol('x')] }, 400),
  undefined: () => undefined,
  'a symbol': () => Symbol('x'),
  'an object without a prototype': () => Object.create(null),
};

@WebSocketGateway()
class OddGateway {
  @SubscribeMessage('fail')
  fail(@MessageBody() which: string): never {
    throw odd[which]!();
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }

  @Topic('broken')
  broken() {
    return throwError(() => Object.create(null));
  }
}

describe('a handler that throws', () => {
  it.each(Object.keys(odd))('%s is answered, and later messages are handled', async which => {
    const { url } = await startApp({ providers: [OddGateway] });
    const client = await Client.connect(url);
    expect(await client.request('fail', which)).toMatchObject({
      event: 'error',
      data: { code: expect.stringMatching(/./) },
    });
    expect(await client.request('echo', 'on')).toMatchObject({ data: 'on' });
  });
});

describe('a source that fails', () => {
  it('with an object without a prototype refuses the subscribe, and the connection goes on', async () => {
    const { url } = await startApp({ providers: [OddGateway] });
    const client = await Client.connect(url);
    expect((await client.subscribe('broken')).data).toMatchObject({ code: 'SOURCE_FAILED', topic: 'broken' });
    expect(await client.request('echo', 'on')).toMatchObject({ data: 'on' });
  });

  it('is told and started anew, also where a filter catches everything', async () => {
    const sources: Subject<unknown>[] = [];
    @Catch()
    class Swallow {
      catch(): void {}
    }
    @WebSocketGateway()
    @UseFilters(Swallow)
    class Gateway {
      @Topic('feed')
      feed() {
        sources.push(new Subject());
        return sources.at(-1)!.pipe(map(value => value));
      }
    }
    const { url } = await startApp({ providers: [Gateway] });
    const [first, second] = [await Client.connect(url), await Client.connect(url)];
    await first.subscribe('feed');
    sources[0]!.error(new Error('of the source'));
    expect((await first.next(frame => frame.event === 'error')).data.code).toBe('SOURCE_FAILED');
    await second.subscribe('feed');
    expect(sources).toHaveLength(2);
    sources[1]!.next('anew');
    await second.until(() => second.publications('feed').length === 1);
  });
});

describe('a logger that throws', () => {
  const broken = (): never => {
    throw new Error('of the logger');
  };
  const logger: LoggerService = { log() {}, warn: broken, error: broken };

  @WebSocketGateway()
  class Gateway {
    readonly feeds: Subject<unknown>[] = [];

    handleConnection(_: unknown, { url }: { url: string }): void {
      if (url.endsWith('?refused')) throw new Error('of handleConnection');
    }

    handleDisconnect(): never {
      throw new Error('of handleDisconnect');
    }

    @SubscribeMessage('fail')
    fail(): never {
      throw new Error('of the handler');
    }

    @SubscribeMessage('echo')
    echo(@MessageBody() data: unknown): unknown {
      return data;
    }

    @SubscribeMessage('never')
    never() {
      return NEVER;
    }

    @Topic('feed')
    feed() {
      this.feeds.push(new Subject());
      return this.feeds.at(-1)!;
    }
  }

  it('costs no message its answer', async () => {
    const { url } = await startApp({ providers: [Gateway], nest: { logger } });
    const client = await Client.connect(url);
    expect((await client.request('fail')).data.code).toBe('INTERNAL');
    expect((await client.request('echo', 'on')).data).toBe('on');
  });

  it('leaves no connection behind whose hooks fail', async () => {
    const { url, get } = await startApp({ providers: [Gateway], nest: { logger } });
    const refused = await Client.connect(`${url}?refused`);
    expect((await refused.closed).code).toBe(1011);
    const client = await Client.connect(url);
    await client.close();
    await eventually(() => get(Connections).size === 0);
  });

  it('does not keep the subscribers of a failed source from being told', async () => {
    const { url, get } = await startApp({ providers: [Gateway], nest: { logger } });
    const client = await Client.connect(url);
    await client.subscribe('feed');
    get(Gateway).feeds[0]!.error(new Error('of the source'));
    expect((await client.next(frame => frame.event === 'error')).data.code).toBe('SOURCE_FAILED');
  });
});
