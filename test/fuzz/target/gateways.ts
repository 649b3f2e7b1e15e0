import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  type OnApplicationShutdown,
  type OnModuleInit,
  UnauthorizedException,
  UseGuards,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { interval, map, type Observable, take } from 'rxjs';
import type { WebSocket } from 'ws';
import {
  Broadcaster,
  type Connection,
  CurrentConnection,
  Topic,
  TopicParam,
  UseHandshakeGuards,
} from '../../../lib/index.js';
import { ON_PURPOSE } from './faults.js';

const EVERY_MS = 20;

/** Publishes all the time; healthy clients are subscribed to it. */
@Injectable()
export class Feed implements OnModuleInit, OnApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #count = 0;

  constructor(private readonly broadcaster: Broadcaster) {}

  onModuleInit(): void {
    this.#timer = setInterval(() => this.#publish(), EVERY_MS);
  }

  onApplicationShutdown(): void {
    clearInterval(this.#timer);
  }

  /** Offset of a publication made just now, after all others. */
  newest(): number {
    this.#publish();
    return this.#count;
  }

  #publish(): void {
    this.broadcaster.publish('feed', { count: ++this.#count, padding: 'x'.repeat(100) });
  }
}

/** JSON may nest so deep that it cannot be written again. */
function textOf(data: unknown): string {
  try {
    return JSON.stringify(data) ?? '';
  } catch {
    return '';
  }
}

function writable(data: unknown): unknown {
  return textOf(data) === '' ? null : data;
}

/** Refuses by what the client says, and fails at some of it. */
class WordGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const data: unknown = context.switchToWs().getData();
    const text = textOf(data);
    if (text.includes('denied')) return false;
    if (text.includes('forbidden')) throw new ForbiddenException(text);
    if (text.includes('broken')) throw new Error(ON_PURPOSE);
    if (text.includes('later')) await sleep(2);
    return true;
  }
}

@WebSocketGateway({ path: '/ticks' })
class TicksGateway {
  @Topic('feed', { history: 200 })
  feed(): void {}

  @Topic('clock', { conflate: true, every: 5 })
  clock(): Observable<number> {
    return interval(5);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return { event: 'echo', data: writable(data) };
  }
}

@UseGuards(WordGuard)
@WebSocketGateway({ path: '/rooms/:room' })
class RoomsGateway {
  constructor(private readonly broadcaster: Broadcaster) {}

  @Topic('chat.:room', {
    history: { size: 5, ttl: 200 },
    presence: { debounce: 10, members: 3, info: () => ({ seen: true }) },
  })
  async chat(@TopicParam('room') room: string): Promise<unknown> {
    await sleep(1);
    return { room, snapshot: [1, 2, 3] };
  }

  @Topic('count.:room.:from')
  count(@TopicParam('from') from: string): Observable<number> {
    if (from === 'broken') throw new Error(ON_PURPOSE);
    return interval(3).pipe(
      take(20),
      map(n => n + from.length),
    );
  }

  @SubscribeMessage('say')
  say(@MessageBody() data: unknown): void {
    this.broadcaster.publish('chat.lobby', writable(data));
  }

  @SubscribeMessage('stream')
  stream(): Observable<unknown> {
    return interval(1).pipe(
      take(30),
      map(data => ({ event: 'stream', data })),
    );
  }

  @SubscribeMessage('later')
  async later(@MessageBody() data: unknown): Promise<unknown> {
    await sleep(3);
    return { event: 'later', data: writable(data) };
  }

  @SubscribeMessage('broken')
  broken(): never {
    throw new Error(ON_PURPOSE);
  }
}

/** Ready late, never, or not at all. */
@WebSocketGateway({ path: '/late' })
class LateGateway {
  @Topic('late.:name')
  topic(): void {}

  async handleConnection(client: WebSocket, request: { url: string }): Promise<void> {
    if (request.url.includes('leave')) client.close(4000, 'left by the hook');
    if (request.url.includes('broken')) throw new Error(ON_PURPOSE);
    await sleep(request.url.includes('hang') ? 300 : 10);
    if (request.url.includes('refused')) throw new Error(ON_PURPOSE);
  }

  handleDisconnect(): void {
    throw new Error(ON_PURPOSE);
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return { event: 'echo', data: writable(data) };
  }

  /** Nothing here is called `error` but by a client. */
  @SubscribeMessage('error')
  error(): unknown {
    return { event: 'error was called' };
  }
}

interface Arriving {
  readonly url: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  user?: unknown;
  expiresAt?: number;
}

/** Takes tokens from wherever they may be, and is now and then late, wrong or broken. */
@Injectable()
class TokenGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const request = context.switchToHttp().getRequest<Arriving>();
    const { authorization = '', cookie = '' } = request.headers;
    const text = `${request.url} ${authorization} ${cookie}`;
    if (text.includes('slow')) await sleep(30);
    if (text.includes('hang')) await sleep(400);
    if (text.includes('broken')) throw new Error(ON_PURPOSE);
    if (text.includes('forbidden')) return false;
    if (!text.includes('good')) throw new UnauthorizedException(text);
    request.user = { id: request.url.length % 5 };
    if (text.includes('soon')) request.expiresAt = Date.now() + 20;
    return true;
  }
}

@UseHandshakeGuards(TokenGuard)
@WebSocketGateway({ path: '/guarded' })
class GuardedGateway {
  @Topic('own.:user', { presence: { debounce: 0 } })
  own(@TopicParam('user') user: string, @CurrentConnection() connection: Connection): unknown {
    return { user, me: connection.user };
  }

  @SubscribeMessage('later')
  async later(@MessageBody() data: unknown): Promise<unknown> {
    await sleep(3);
    return { event: 'later', data: writable(data) };
  }
}

/** Inflating takes so long here that much comes meanwhile. */
@WebSocketGateway({ path: '/large', maxPayload: 4 * 2 ** 20 })
class LargeGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return { event: 'echo', data: textOf(data).length };
  }
}

export const GATEWAYS = [LargeGateway, GuardedGateway, TicksGateway, RoomsGateway, LateGateway];
