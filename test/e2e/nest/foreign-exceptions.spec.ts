import { createRequire } from 'node:module';
import * as common from '@nestjs/common';
import { type CanActivate, Controller, Get, UseGuards } from '@nestjs/common';
import * as websockets from '@nestjs/websockets';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { CLOSE, Topic, UseHandshakeGuards } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import { type AppSetup, startApp } from '../../support/app.js';
import { Client } from '../../support/client.js';
import { secondCopyOf } from '../../support/second-copy.js';
import { upgrade } from '../../support/upgrade.js';

const require = createRequire(import.meta.url);

/** The package that Express and its parsers make their errors with. */
function httpErrors(): (status: number, message: string, fields?: object) => Error {
  return createRequire(require.resolve('@nestjs/platform-express'))('http-errors') as never;
}

const makers: Record<string, () => Promise<(status: number, message: string) => Error>> = {
  'http-errors': async () => httpErrors(),
  'a second copy of @nestjs/common': async () => {
    const { HttpException } = await secondCopyOf<typeof common>('@nestjs/common');
    expect(HttpException).not.toBe(common.HttpException);
    return (status, message) => new HttpException({ statusCode: status, message }, status);
  },
  Fastify: async () => {
    class FastifyError extends Error {
      constructor(
        readonly statusCode: number,
        message: string,
      ) {
        super(message);
      }

      readonly code = 'FST_A_PLUGIN';
    }
    return (status, message) => new FastifyError(status, message);
  },
};

/** An application whose guards throw what a test gives them. */
async function guarded(error: unknown, setup: Partial<AppSetup> = {}): Promise<string> {
  class Throws implements CanActivate {
    canActivate(): boolean {
      throw error;
    }
  }
  @WebSocketGateway({ path: '/door' })
  @UseHandshakeGuards(Throws)
  class Door {}

  @WebSocketGateway({ path: '/open' })
  class Open {
    @SubscribeMessage('guarded')
    @UseGuards(Throws)
    guardedMessage() {}

    @SubscribeMessage('handled')
    handled() {
      throw error;
    }

    @Topic('guarded')
    @UseGuards(Throws)
    topic() {}
  }

  @Controller('rest')
  class Rest {
    @Get()
    @UseGuards(Throws)
    get() {}
  }
  const { url } = await startApp({ providers: [Door, Open], controllers: [Rest], ...setup });
  return url;
}

describe.each(Object.keys(makers))('an exception of %s', name => {
  it('refuses a handshake with its status', async () => {
    const make = await makers[name]!();
    const url = await guarded(make(401, 'token expired'));
    const { status, body } = await upgrade(`${url}/door`);
    expect(status).toBe(401);
    expect(JSON.parse(body)).toEqual({ statusCode: 401, message: 'token expired' });
  });

  it('closes a client of the subprotocol by what it means', async () => {
    const make = await makers[name]!();
    for (const [status, close] of [
      [401, CLOSE.UNAUTHORIZED],
      [403, CLOSE.FORBIDDEN],
      [429, CLOSE.RATE_LIMITED],
      [503, CLOSE.BUSY],
    ] as const) {
      const url = await guarded(make(status, 'no'));
      const client = await Client.connect(`${url}/door`, ['fanout.v1.json']);
      expect((await client.closed).code).toBe(close.code);
    }
  });

  it('answers messages and subscribes with the name of its status', async () => {
    const make = await makers[name]!();
    const url = await guarded(make(401, 'token expired'));
    const client = await Client.connect(`${url}/open`);
    const answers = [
      await client.request('guarded'),
      await client.request('handled'),
      await client.subscribe('guarded'),
    ];
    for (const answer of answers)
      expect(answer).toMatchObject({ event: 'error', data: { code: 'UNAUTHORIZED' } });
  });
});

describe('an error of http-errors', () => {
  it('refuses a handshake as REST answers', async () => {
    const url = await guarded(httpErrors()(401, 'token expired'));
    const rest = await fetch(`${url.replace('ws', 'http')}/rest`);
    const answer = await upgrade(`${url}/door`);
    expect({ status: answer.status, body: answer.body }).toEqual({
      status: rest.status,
      body: await rest.text(),
    });
  });

  it('tells its message where it exposes it, and nothing but its status where it does not', async () => {
    const exposed = await Client.connect(`${await guarded(httpErrors()(404, 'no such order'))}/open`);
    expect((await exposed.request('handled')).data).toEqual({ code: 'NOT_FOUND', message: 'no such order' });
    const hidden = await Client.connect(`${await guarded(httpErrors()(503, 'SECRET'))}/open`);
    expect((await hidden.request('handled')).data).toEqual({
      code: 'SERVICE_UNAVAILABLE',
      message: 'Service Unavailable',
    });
  });

  it('is logged where the client is not told', async () => {
    const lines: string[] = [];
    const logger = {
      log() {},
      warn() {},
      error: (...of: unknown[]) => void lines.push(of.map(String).join(' ')),
    };
    const url = await guarded(httpErrors()(503, 'of the inside'), { nest: { logger } });
    expect((await upgrade(`${url}/door`)).status).toBe(503);
    const client = await Client.connect(`${url}/open`);
    await client.request('handled');
    expect(lines.filter(line => line.includes('of the inside'))).toHaveLength(2);
  });

  it('gives none of its fields away', async () => {
    const error = httpErrors()(409, 'taken', { query: 'SECRET' });
    const client = await Client.connect(`${await guarded(error)}/open`);
    expect(await client.request('handled')).toMatchObject({ data: { code: 'CONFLICT', message: 'taken' } });
    expect(JSON.stringify(client.frames)).not.toContain('SECRET');
  });
});

describe('a WsException of a second copy of @nestjs/websockets', () => {
  it('is answered with its code, message and fields, and refuses a handshake with 403', async () => {
    const { WsException } = await secondCopyOf<typeof websockets>('@nestjs/websockets');
    expect(WsException).not.toBe(websockets.WsException);
    const url = await guarded(new WsException({ code: 'SOLD_OUT', message: 'gone', left: 0 }));
    expect((await upgrade(`${url}/door`)).status).toBe(403);
    const client = await Client.connect(`${url}/open`);
    expect((await client.request('handled')).data).toEqual({
      code: 'SOLD_OUT',
      message: 'gone',
      details: { left: 0 },
    });
  });
});

describe('verifyClient and origins', () => {
  it.each([
    ['an HttpException', new common.UnauthorizedException('who?'), 401],
    ['an error of http-errors', httpErrors()(401, 'who?'), 401],
    ['an error that is no answer', new Error('SECRET'), 500],
  ])('that throw %s refuse by it', async (_, error, status) => {
    const fail = (): never => {
      throw error;
    };
    @WebSocketGateway({ path: '/verified', verifyClient: fail } as never)
    class Verified {}
    @WebSocketGateway({ path: '/origins' })
    class Plain {}
    const verified = await startApp({ providers: [Verified] });
    expect(await upgrade(`${verified.url}/verified`)).toMatchObject({ status });
    const checked = await startApp({ providers: [Plain], options: { origins: fail } });
    const { status: answered, body } = await upgrade(`${checked.url}/origins`, {
      Origin: 'https://example.com',
    });
    expect(answered).toBe(status);
    expect(body).not.toContain('SECRET');
  });
});
