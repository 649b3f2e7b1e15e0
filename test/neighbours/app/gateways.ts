import { type CanActivate, type ExecutionContext, Injectable, UseInterceptors } from '@nestjs/common';
import {
  MessageBody,
  type OnGatewayConnection,
  type OnGatewayDisconnect,
  SubscribeMessage,
  WebSocketGateway,
} from '@nestjs/websockets';
import { CLS_ID, ClsInterceptor, ClsService } from 'nestjs-cls';
import { type Connection, CurrentConnection, Topic, TopicParam, UseHandshakeGuards } from 'nestjs-fanout';
import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { JwtGuard, Public, Role } from './auth.js';
import { Prices } from './prices.js';

/** The gateway behind the JWT: asked at the handshake, and as an APP_GUARD for each message. */
@WebSocketGateway({ path: '/market' })
@UseHandshakeGuards(JwtGuard)
@UseInterceptors(ClsInterceptor)
export class MarketGateway {
  constructor(
    private readonly prices: Prices,
    private readonly cls: ClsService,
  ) {}

  @Topic('prices.:symbol', { history: 100 })
  join(@TopicParam('symbol') symbol: string) {
    return this.prices.latest(symbol);
  }

  @Topic('ticks', { history: 100 })
  ticks() {}

  @SubscribeMessage('me')
  async me(@CurrentConnection() connection: Connection) {
    const before = this.cls.getId();
    await delay(5);
    return { user: connection.user.sub, cls: [before, this.cls.getId()] };
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: { text: string }) {
    return { text: data.text };
  }

  @Role('trader')
  @SubscribeMessage('trade')
  trade() {
    return { traded: true };
  }
}

/** A gateway without handshake guards: the APP_GUARD alone decides, for each message. */
@WebSocketGateway({ path: '/open' })
export class OpenGateway implements OnGatewayDisconnect {
  /** Ids of the contexts that `handleDisconnect` saw. */
  readonly contextsOfDisconnects: (string | null)[] = [];

  constructor(private readonly cls: ClsService) {}

  handleDisconnect(): void {
    this.contextsOfDisconnects.push(this.cls.getId() ?? null);
  }

  @SubscribeMessage('secret')
  secret() {
    return { secret: 42 };
  }

  @Topic('secrets')
  secrets() {
    return { secret: 42 };
  }

  @Public()
  @Topic('farewells')
  farewells() {}

  /** Enters a context instead of running in it, as ClsGuard does. */
  @Public()
  @SubscribeMessage('entered')
  entered() {
    const found = this.cls.getId() ?? null;
    this.cls.enterWith({});
    this.cls.set(CLS_ID, randomUUID());
    return { found, cls: this.cls.getId() };
  }

  @Public()
  @SubscribeMessage('connection')
  connection(@CurrentConnection() { id }: Connection) {
    return { id };
  }

  @Public()
  @SubscribeMessage('outside')
  outside() {
    return { cls: this.cls.getId() ?? null };
  }
}

/** A handshake guard that takes longer than Socket.IO leaves upgrades to others by default. */
@Injectable()
export class SlowGuard implements CanActivate {
  async canActivate(context: ExecutionContext): Promise<boolean> {
    await delay(1500);
    return context.getType() === 'http';
  }
}

@WebSocketGateway({ path: '/slow' })
@UseHandshakeGuards(SlowGuard)
@Public()
export class SlowGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: { text: string }) {
    return { text: data.text };
  }
}

/** A gateway without a path: it has the root path. */
@WebSocketGateway()
@Public()
export class RootGateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: { text: string }) {
    return { text: data.text };
  }
}

/** A gateway on a port of its own, whose `handleConnection` enters a context. */
@WebSocketGateway(Number(process.env.OWN_PORT), { path: '/own', host: '127.0.0.1' })
@Public()
export class OwnPortGateway implements OnGatewayConnection {
  constructor(private readonly cls: ClsService) {}

  handleConnection(): void {
    this.cls.enterWith({});
    this.cls.set(CLS_ID, randomUUID());
  }

  @SubscribeMessage('echo')
  echo(@MessageBody() data: { text: string }) {
    return { text: data.text };
  }

  @SubscribeMessage('outside')
  outside() {
    return { cls: this.cls.getId() ?? null };
  }
}
