/* oxlint-disable promise/valid-params -- catch() of a filter, not of a promise */
import { type ArgumentsHost, Catch, ConflictException, UseFilters } from '@nestjs/common';
import {
  BaseWsExceptionFilter,
  MessageBody,
  SubscribeMessage,
  WebSocketGateway,
  WsException,
} from '@nestjs/websockets';
import { Topic } from 'nestjs-fanout';
import { throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';

@Catch()
class Leaves extends BaseWsExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost) {
    super.catch(exception, host);
  }
}

@Catch()
class LeavesLater extends BaseWsExceptionFilter {
  override async catch(exception: unknown, host: ArgumentsHost) {
    await new Promise(resolve => setImmediate(resolve));
    super.catch(exception, host);
  }
}

@Catch()
class LeavesAnother extends BaseWsExceptionFilter {
  override catch(exception: Error, host: ArgumentsHost) {
    super.catch(new WsException({ code: 'MAPPED', message: exception.message, sku: 'A1' }), host);
  }
}

@Catch()
class LeavesTwice extends BaseWsExceptionFilter {
  override catch(exception: unknown, host: ArgumentsHost) {
    super.catch(exception, host);
    super.catch(new WsException('again'), host);
  }
}

/** How it answers is its own. */
@Catch()
class Answers extends BaseWsExceptionFilter {
  override handleError(client: any, exception: Error) {
    client.send(JSON.stringify({ event: 'own', data: exception.message }));
  }
}

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('as it is')
  @UseFilters(BaseWsExceptionFilter)
  asItIs(@MessageBody() message: string) {
    throw new WsException(message);
  }

  @SubscribeMessage('left')
  @UseFilters(Leaves)
  left() {
    throw new ConflictException({ message: 'sold out', left: 0 });
  }

  @SubscribeMessage('left later')
  @UseFilters(LeavesLater)
  leftLater(@MessageBody() message: string) {
    throw new WsException(message);
  }

  @SubscribeMessage('left another')
  @UseFilters(LeavesAnother)
  leftAnother() {
    throw new Error('mapped');
  }

  @SubscribeMessage('left twice')
  @UseFilters(LeavesTwice)
  leftTwice() {
    throw new WsException('once');
  }

  @SubscribeMessage('inside')
  @UseFilters(Leaves)
  inside() {
    throw new Error('SECRET');
  }

  @SubscribeMessage('from a stream')
  @UseFilters(Leaves)
  stream() {
    return throwError(() => new WsException('of a stream'));
  }

  @SubscribeMessage('answered')
  @UseFilters(Answers)
  answered() {
    throw new WsException('by itself');
  }

  @Topic('left')
  @UseFilters(Leaves)
  topic() {
    throw new WsException({ code: 'CLOSED', message: 'not today' });
  }
}

async function connected(): Promise<Client> {
  const { url } = await startApp({ providers: [Gateway] });
  return Client.connect(url);
}

describe('super.catch() of a filter', () => {
  it.each([
    ['as it is', { code: 'EXCEPTION', message: 'body' }],
    ['left', { code: 'CONFLICT', message: 'sold out', details: { left: 0 } }],
    ['left later', { code: 'EXCEPTION', message: 'body' }],
    ['left another', { code: 'MAPPED', message: 'mapped', details: { sku: 'A1' } }],
    ['left twice', { code: 'EXCEPTION', message: 'once' }],
    ['inside', { code: 'INTERNAL', message: 'Internal error.' }],
    ['from a stream', { code: 'EXCEPTION', message: 'of a stream' }],
  ])('answers a request once, with its id: %s', async (event, data) => {
    const client = await connected();
    client.send({ event, id: 'mine', data: 'body' });
    await client.next(() => true);
    const marker = await client.request('marker');
    expect(client.frames).toEqual([{ event: 'error', id: 'mine', data }, marker]);
  });

  it('answers a message without an id', async () => {
    const client = await connected();
    client.send({ event: 'left another' });
    expect(await client.next(() => true)).toMatchObject({ event: 'error', data: { code: 'MAPPED' } });
  });

  it('answers a subscribe', async () => {
    const client = await connected();
    expect(await client.subscribe('left')).toMatchObject({
      event: 'error',
      data: { code: 'CLOSED', message: 'not today', topic: 'left' },
    });
  });

  it('answers each of several requests at once with its own id', async () => {
    const { url } = await startApp({ providers: [Gateway], options: { limits: { inFlight: 8 } } });
    const client = await Client.connect(url);
    const answers = ['a', 'b', 'c'].map(text => client.request('left later', text));
    expect((await Promise.all(answers)).map(({ data }) => data.message)).toEqual(['a', 'b', 'c']);
  });

  it('leaves a filter alone that overrides how it answers', async () => {
    const client = await connected();
    client.send({ event: 'answered', id: 1 });
    await client.next(() => true);
    const marker = await client.request('marker');
    expect(client.frames).toEqual([{ event: 'own', data: 'by itself' }, marker]);
  });

  it('leaves the sockets of other adapters alone', () => {
    const emitted: unknown[] = [];
    const client = { emit: (...args: unknown[]) => emitted.push(args) };
    const host = { switchToWs: () => ({ getClient: () => client, getPattern: () => 'a', getData: () => 1 }) };
    new Leaves().catch(new WsException({ code: 'A' }), host as never);
    expect(emitted).toEqual([['exception', { code: 'A' }]]);
  });
});
