import { BadRequestException, type LoggerService, UsePipes, ValidationPipe } from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway, WsException } from '@nestjs/websockets';
import { IsInt, IsString } from 'class-validator';
import { Topic, UseHandshakeGuards } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { type AppSetup, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { upgrade } from '../../support/upgrade.js';

class Order {
  @IsString()
  sku!: string;
  @IsInt()
  count!: number;
}

/** A payload with twenty fields that are all wrong. */
class Wide {}
for (let field = 0; field < 20; field++) IsInt()(Wide.prototype, `a_rather_long_field_name_${field}`);

const circular: Record<string, unknown> = { message: 'round', sku: 'A1' };
circular.self = circular;

const thrown: Record<string, () => unknown> = {
  ws: () => new WsException({ code: 'SOLD_OUT', message: 'gone', sku: 'A1', left: 0 }),
  http: () => new BadRequestException({ message: 'bad', field: 'sku', allowed: ['A1', 'B2'] }),
  circular: () => new BadRequestException(circular),
  'circular ws': () => new WsException(circular),
  'revoked proxy': () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  },
  bigint: () => new WsException({ code: 'BIG', message: 'big', id: 1n }),
  large: () =>
    new WsException({ code: 'LARGE', message: 'x'.repeat(2000), sku: 'A1', dump: 'é'.repeat(9999) }),
  'error of a database': () =>
    new WsException(Object.assign(new Error('failed'), { code: '23505', query: 'SECRET' })),
};

@WebSocketGateway()
class Gateway {
  @SubscribeMessage('throw')
  throw(@MessageBody() which: string) {
    throw thrown[which]!();
  }

  @SubscribeMessage('order')
  @UsePipes(new ValidationPipe())
  order(@MessageBody() order: Order) {
    return order;
  }

  @SubscribeMessage('wide')
  @UsePipes(new ValidationPipe())
  wide(@MessageBody() wide: Wide) {
    return wide;
  }

  @SubscribeMessage('ws errors')
  @UsePipes(new ValidationPipe({ exceptionFactory: errors => new WsException(errors) }))
  wsErrors(@MessageBody() order: Order) {
    return order;
  }

  @SubscribeMessage('http errors')
  @UsePipes(new ValidationPipe({ exceptionFactory: errors => new BadRequestException(errors) }))
  httpErrors(@MessageBody() order: Order) {
    return order;
  }

  @Topic('sold.:sku')
  topic() {
    throw new WsException({ code: 'SOLD_OUT', message: 'gone', left: 0 });
  }
}

async function connected(setup: AppSetup = {}): Promise<Client> {
  const { url } = await startApp({ providers: [Gateway], ...setup });
  return Client.connect(url);
}

/** A logger that keeps what it is told of errors. */
function recorder(): { lines: string[]; logger: LoggerService } {
  const lines: string[] = [];
  const error = (...parts: unknown[]): void => void lines.push(parts.map(String).join(' '));
  return { lines, logger: { log() {}, warn() {}, error } };
}

describe('the details of an error frame', () => {
  it.each([
    ['ws', { code: 'SOLD_OUT', message: 'gone', details: { sku: 'A1', left: 0 } }],
    ['http', { code: 'BAD_REQUEST', message: 'bad', details: { field: 'sku', allowed: ['A1', 'B2'] } }],
    ['error of a database', { code: '23505', message: 'failed' }],
  ])('are the further fields of an exception: %s', async (which, data) => {
    const client = await connected();
    expect(await client.request('throw', which)).toEqual({ event: 'error', id: 1, data });
  });

  it('are told of a subscribe, beside its topic', async () => {
    const client = await connected();
    expect((await client.subscribe('sold.A1')).data).toEqual({
      code: 'SOLD_OUT',
      message: 'gone',
      topic: 'sold.A1',
      details: { left: 0 },
    });
  });

  it('are the validation errors, all of twenty', async () => {
    const client = await connected();
    const { data } = await client.request('wide', {});
    expect(data.details).toHaveLength(20);
    expect(data.details[19]).toBe('a_rather_long_field_name_19 must be an integer number');
    expect(data.truncated).toBeUndefined();
    expect(data.message.length).toBeLessThan(512);
  });

  it.each(['order', 'ws errors', 'http errors'])('never have the payload of the client: %s', async event => {
    const client = await connected();
    const { data } = await client.request(event, { sku: 4711, count: 'PAYLOAD' });
    expect(data.message).toBe('sku must be a string; count must be an integer number');
    expect(data.details).toHaveLength(2);
    expect(JSON.stringify(client.frames)).not.toMatch(/PAYLOAD|4711/);
  });

  it('are cut with a mark above 4 KiB, and the frame without them has at most 512 bytes', async () => {
    const client = await connected();
    const { data } = await client.request('throw', 'large');
    expect(data).toMatchObject({ code: 'LARGE', details: { sku: 'A1' }, truncated: true });
    const { details: _, truncated: __, ...rest } = data;
    expect(Buffer.byteLength(JSON.stringify({ event: 'error', id: 1, data: rest }))).toBeLessThanOrEqual(512);
  });

  it.each([
    ['circular', 'BAD_REQUEST', "property 'self' closes the circle"],
    ['circular ws', 'EXCEPTION', "property 'self' closes the circle"],
    ['bigint', 'BIG', 'BigInt'],
  ])(
    'without a JSON form cost nothing but themselves, and the log says why: %s',
    async (which, code, line) => {
      const { lines, logger } = recorder();
      const client = await connected({ nest: { logger } });
      const { data } = await client.request('throw', which);
      expect(data).toEqual({ code, message: expect.stringMatching(/^(round|big)$/) });
      expect(lines).toEqual([expect.stringContaining(line)]);
      expect(lines[0]).toContain(code);
    },
  );

  it('without a JSON form cost a refused handshake nothing but its body, and the log says why', async () => {
    @WebSocketGateway({ path: '/door' })
    @UseHandshakeGuards({
      canActivate() {
        throw new BadRequestException(circular);
      },
    })
    class Door {}
    const { lines, logger } = recorder();
    const { url } = await startApp({ providers: [Door], nest: { logger } });
    expect(await upgrade(`${url}/door`)).toMatchObject({
      status: 400,
      body: '{"statusCode":400,"message":"Bad Request"}',
    });
    expect(lines).toEqual([expect.stringContaining("property 'self' closes the circle")]);
  });
});

describe('an exception that cannot even be read', () => {
  it('is answered INTERNAL and logged, and the next message is handled', async () => {
    const { lines, logger } = recorder();
    const client = await connected({ nest: { logger } });
    expect((await client.request('throw', 'revoked proxy')).data.code).toBe('INTERNAL');
    expect((await client.request('throw', 'ws')).data.code).toBe('SOLD_OUT');
    expect(lines.filter(line => line.includes('revoked Proxy'))).toHaveLength(1);
  });
});
