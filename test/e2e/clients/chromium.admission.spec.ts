import {
  type CanActivate,
  Controller,
  type ExecutionContext,
  ForbiddenException,
  Get,
  Header,
  Injectable,
  UnauthorizedException,
} from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import {
  CLOSE,
  type Connection,
  CurrentConnection,
  FanoutMetrics,
  Topic,
  UseHandshakeGuards,
} from 'nestjs-fanout';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type RunningApp, startApp } from '../../support/app.js';
import { hasChromium, launchChromium } from '../../support/chromium.js';

@Injectable()
class TokenGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const request = context.switchToHttp().getRequest();
    const token = request.headers.authorization?.slice('Bearer '.length);
    if (token === undefined) throw new UnauthorizedException();
    if (token !== 'good') throw new ForbiddenException();
    request.user = { id: 'ann' };
    return true;
  }
}

@WebSocketGateway({ path: '/rooms/:room' })
@UseHandshakeGuards(TokenGuard)
class RoomGateway {
  @Topic('who')
  who(@CurrentConnection() { user, handshake }: Connection) {
    return { user, room: handshake.params.room };
  }
}

@WebSocketGateway({ path: '/open' })
class OpenGateway {
  @Topic('who')
  who() {}
}

@Controller()
class PageController {
  @Get()
  @Header('Content-Type', 'text/html')
  @Header('Set-Cookie', 'session=1; Path=/')
  page() {
    return '<!doctype html><title>a page</title>';
  }
}

/** What a page sees of a WebSocket: the answer to its subscribe, or the close. */
function connectFrom(page: Page, url: string, protocols: string[]): Promise<unknown> {
  return page.evaluate(
    ([to, offered]) =>
      new Promise(resolve => {
        const socket = new (globalThis as any).WebSocket(to, offered);
        socket.addEventListener('open', () => socket.send('{"event":"subscribe","data":{"topic":"who"}}'));
        socket.addEventListener('message', ({ data }: { data: string }) =>
          resolve({ answer: JSON.parse(data), protocol: socket.protocol }),
        );
        socket.addEventListener('close', ({ code, reason }: { code: number; reason: string }) =>
          resolve({ code, reason }),
        );
      }),
    [url, protocols] as const,
  );
}

describe.skipIf(!hasChromium)('Chromium, before it is let in', () => {
  let browser: Browser | undefined;
  beforeAll(async () => {
    browser = await launchChromium();
  });
  afterAll(() => browser?.close());

  async function start(): Promise<{ app: RunningApp; page: Page; own: string }> {
    const app = await startApp({
      controllers: [PageController],
      providers: [RoomGateway, OpenGateway],
    });
    const context = await browser!.newContext({ ignoreHTTPSErrors: true });
    onTestFinished(() => context.close());
    const page = await context.newPage();
    await page.goto(app.url.replace('ws', 'http'));
    return { app, page, own: app.url };
  }

  it('offers its token as a subprotocol, and the guard of the handshake finds it', async () => {
    const { page, own } = await start();
    expect(await connectFrom(page, `${own}/rooms/blue`, ['fanout.v1.json', 'bearer.good'])).toMatchObject({
      answer: { event: 'subscribed', data: { snapshot: { user: { id: 'ann' }, room: 'blue' } } },
      protocol: 'fanout.v1.json',
    });
  });

  it('reads why it is refused', async () => {
    const { page, own } = await start();
    const url = `${own}/rooms/blue`;
    expect(await connectFrom(page, url, ['fanout.v1.json'])).toEqual(CLOSE.UNAUTHORIZED);
    expect(await connectFrom(page, url, ['fanout.v1.json', 'bearer.bad'])).toEqual(CLOSE.FORBIDDEN);
    // Without the subprotocol all that it is told is that there was no handshake.
    expect(await connectFrom(page, url, [])).toMatchObject({ code: 1006 });
  });

  it('connects with cookies from a page of the same host, and not from one of another', async () => {
    const { app, page, own } = await start();
    const answered = { answer: { event: 'subscribed' } };
    expect(await connectFrom(page, `${own}/open`, ['fanout.v1.json'])).toMatchObject(answered);
    // Another port is another origin, but not another site: the browser adds the cookies of the victim.
    const other = await startApp({ controllers: [PageController] });
    await page.goto(other.url.replace('ws', 'http'));
    expect(await connectFrom(page, `${own}/open`, ['fanout.v1.json'])).toEqual(CLOSE.FORBIDDEN);
    expect(app.get(FanoutMetrics).rejected.origin).toBe(1);
  });
});
