// An application of the built package, compiled with every declaration file checked: what ours refer to must be there.
import { Injectable, Module, UseGuards } from '@nestjs/common';
import { WebSocketGateway } from '@nestjs/websockets';
import {
  Broadcaster,
  Connection,
  CurrentConnection,
  FanoutModule,
  HeartbeatGuard,
  Topic,
  TopicParam,
} from 'nestjs-fanout';

@WebSocketGateway({ path: '/market' })
@UseGuards(HeartbeatGuard)
class MarketGateway {
  @Topic('prices.:symbol', { history: 100 })
  join(@TopicParam('symbol') symbol: string, @CurrentConnection() connection: Connection): object {
    return { symbol, id: connection.id };
  }
}

@Injectable()
class PriceFeed {
  constructor(private readonly broadcaster: Broadcaster) {}

  tick(): number {
    return this.broadcaster.publish('prices.AAPL', { price: 1 });
  }
}

@Module({ imports: [FanoutModule.forRoot()], providers: [MarketGateway, PriceFeed] })
export class AppModule {}
