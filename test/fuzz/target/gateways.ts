import { setTimeout as sleep } from 'node:timers/promises';
import {
  type CanActivate,
  type ExecutionContext,
  ForbiddenException,
  Injectable,
  type OnApplicationShutdown,
  type OnModuleInit,
  UseGuards,
} from '@nestjs/common';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { interval, map, type Observable, take } from 'rxjs';
import type { WebSocket } from 'ws';
import { Broadcaster, Topic, TopicParam } from '../../../lib/index.js';
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

/** Refuses by what the client says, and fails at some of it. */
class WordGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    const data: unknown = context.switchToWs().getData();
    const text = JSON.stringify(data) ?? '';
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
    return { event: 'echo', data };
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
    this.broadcaster.publish('chat.lobby', data ?? null, { except: undefined });
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
    return { event: 'later', data };
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
    return { event: 'echo', data };
  }

  /** Nothing here is called `error` but by a client. */
  @SubscribeMessage('error')
  error(): unknown {
    return { event: 'error was called' };
  }
}

export const GATEWAYS = [TicksGateway, RoomsGateway, LateGateway];
