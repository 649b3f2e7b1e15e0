import { type CanActivate, UseGuards, UsePipes, ValidationPipe } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { IsInt } from 'class-validator';
import { Connections, type FanoutOptions, Topic } from 'nestjs-fanout';
import { throwError } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { startApp } from '../../support/app.js';
import { Client, eventually } from '../../support/client.js';
import { Gate } from '../../support/gate.js';

/** What a client sends and must never read back in an error. */
const SECRET = 'SECRET'.repeat(2000);

class AmountDto {
  @IsInt()
  amount!: number;
}

class Closed implements CanActivate {
  canActivate(): boolean {
    return false;
  }
}

@WebSocketGateway()
class RefusingGateway {
  @SubscribeMessage('guarded')
  @UseGuards(Closed)
  guarded() {}

  @SubscribeMessage('validated')
  @UsePipes(new ValidationPipe())
  validated(@MessageBody() dto: AmountDto) {
    return dto;
  }

  @SubscribeMessage('throws')
  throws(@MessageBody() data: { text: string }) {
    throw new Error(data.text);
  }

  @SubscribeMessage('rejects')
  async rejects(@MessageBody() data: { text: string }) {
    throw new TypeError(data.text);
  }

  @SubscribeMessage('fails later')
  failsLater(@MessageBody() data: { text: string }) {
    return throwError(() => new Error(data.text));
  }

  @SubscribeMessage('not json')
  notJson() {
    return { event: 'x', data: 10n };
  }

  @SubscribeMessage('verbose')
  verbose() {
    throw new WsException('ü'.repeat(1000));
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown) {
    return data;
  }

  @Topic('guarded')
  @UseGuards(Closed)
  topic() {}
}

async function connected(options?: FanoutOptions) {
  const { url, get } = await startApp({ providers: [RefusingGateway], options });
  const client = await Client.connect(url);
  const sizes: number[] = [];
  client.socket.on('message', (data: Buffer) => sizes.push(data.length));
  return { client, sizes, get, url };
}

describe('the messages of a connection', () => {
  it('are handled one after the other, however long each takes', async () => {
    const gate = new Gate();
    const steps: string[] = [];
    @WebSocketGateway()
    class SlowAndQuickGateway {
      @SubscribeMessage('slow')
      async slow() {
        steps.push('slow begins');
        await gate.passed;
        steps.push('slow ends');
        return 'slow';
      }

      @SubscribeMessage('quick')
      quick() {
        steps.push('quick');
        return 'quick';
      }
    }
    const { url } = await startApp({ providers: [SlowAndQuickGateway] });
    const [client, other] = [await Client.connect(url), await Client.connect(url)];
    client.send({ event: 'slow', id: 'a' });
    client.send({ event: 'quick', id: 'b' });
    await eventually(() => steps.length === 1);
    // Another connection does not wait for this one.
    await other.request('quick');
    gate.open();
    await client.until(() => client.frames.length === 2);
    expect(client.frames.map(frame => frame.id)).toEqual(['a', 'b']);
    expect(steps).toEqual(['slow begins', 'quick', 'slow ends', 'quick']);
  });
});

describe('an error frame', () => {
  const payload = { text: SECRET, amount: SECRET, topic: SECRET };

  it.each([
    ['an unknown event', { event: 'unknown', id: 7, data: payload }, 'UNKNOWN_EVENT', 7],
    ['an event as long as a message may be', { event: SECRET, id: 7 }, 'UNKNOWN_EVENT', 7],
    ['a refused guard', { event: 'guarded', id: 7, data: payload }, 'FORBIDDEN', 7],
    ['a failed pipe', { event: 'validated', id: 'seven', data: payload }, 'BAD_REQUEST', 'seven'],
    ['a thrown error', { event: 'throws', id: 7, data: payload }, 'INTERNAL', 7],
    ['a rejected promise', { event: 'rejects', id: 7, data: payload }, 'INTERNAL', 7],
    ['a failed Observable', { event: 'fails later', id: 7, data: payload }, 'INTERNAL', 7],
    ['a result that is no JSON', { event: 'not json', id: 7, data: payload }, 'INTERNAL', 7],
    ['a subscribe to what is no topic', { event: 'subscribe', id: 7, data: payload }, 'BAD_TOPIC', 7],
    [
      'a subscribe to many of them',
      { event: 'subscribe', id: 7, data: { topics: [SECRET] } },
      'BAD_TOPIC',
      7,
    ],
    ['an id that is too long', { event: 'echo', id: SECRET }, 'BAD_MESSAGE', undefined],
    ['an id of another kind', { event: 'echo', id: { SECRET } }, 'BAD_MESSAGE', undefined],
    ['bad JSON', `{"event":"echo","data":"${SECRET}`, 'BAD_MESSAGE', undefined],
    ['text', SECRET, 'BAD_MESSAGE', undefined],
    ['an array', [{ event: 'echo', id: 7, data: payload }], 'BAD_MESSAGE', undefined],
    ['a message without an event', { id: 7, data: payload }, 'BAD_MESSAGE', undefined],
    ['null', 'null', 'BAD_MESSAGE', undefined],
    ['an empty message', '', 'BAD_MESSAGE', undefined],
  ])('answers %s, with the id and without the payload', async (_, message, code, id) => {
    const { client, sizes } = await connected();
    client.send(message);
    const frame = await client.next(() => true);
    expect(frame).toEqual({ event: 'error', id, data: expect.objectContaining({ code }) });
    expect(JSON.stringify(frame)).not.toContain('SECRET');
    expect(sizes[0]).toBeLessThanOrEqual(512);
    expect((await client.request('echo', 'goes on')).data).toBe('goes on');
    expect(client.frames).toHaveLength(2);
  });

  it('has at most 512 bytes, whatever id and topic it names and however much is said', async () => {
    const { client, sizes } = await connected();
    for (const character of ['x', '\u0001', '\ud800', '€', '"']) {
      client.send({ event: 'subscribe', id: character.repeat(64), data: { topic: 'a'.repeat(255) } });
      client.send({ event: 'verbose', id: character.repeat(64) });
    }
    await client.until(() => client.frames.length === 10);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(512);
  });

  it('answers what goes over the rate limit', async () => {
    const { client } = await connected({ limits: { messagesPerSecond: 1, burst: 2 } });
    for (const id of [1, 2, 3]) client.send({ event: 'echo', id, data: id });
    await client.until(() => client.frames.length === 3);
    expect(client.frames.map(({ event, data }) => data.code ?? event).sort()).toEqual([
      'RATE_LIMITED',
      'echo',
      'echo',
    ]);
  });
});

describe('an event named like a member of an object', () => {
  const names = [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'error',
    'close',
    'message',
    'connection',
  ];

  it.each(names)('is unknown when no gateway handles it: %s', async event => {
    const { client } = await connected();
    expect((await client.request(event, { SECRET })).data.code).toBe('UNKNOWN_EVENT');
  });

  it.each(names)('is an event like any other for the gateway that handles it: %s', async event => {
    @WebSocketGateway()
    class OddGateway {
      @SubscribeMessage(event)
      odd(@MessageBody() data: unknown) {
        return { event, data };
      }
    }
    const { url } = await startApp({ providers: [OddGateway] });
    const client = await Client.connect(url);
    expect(await client.request(event, 1)).toEqual({ event, id: 1, data: 1 });
  });

  it('pollutes nothing through its data', async () => {
    const { client } = await connected();
    client.send('{"event":"echo","id":1,"data":{"__proto__":{"polluted":true}},"__proto__":{"event":"x"}}');
    await client.next(frame => frame.id === 1);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('closes nothing', async () => {
    const { client, get } = await connected();
    for (const event of names) await client.request(event);
    expect(get(Connections).size).toBe(1);
    expect((await client.request('echo', 1)).data).toBe(1);
  });
});
