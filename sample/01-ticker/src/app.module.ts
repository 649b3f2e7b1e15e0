import { Module, type DynamicModule } from '@nestjs/common';
import { FanoutModule } from 'nestjs-fanout';
import { Crowd } from './crowd.js';
import { MarketGateway } from './market.gateway.js';
import { PageController } from './page.controller.js';
import { PriceFeed } from './price-feed.js';
import { PriceStore } from './price-store.js';
import { ServerStatus } from './server-status.js';
import { Settings } from './settings.js';
import { StatusLine } from './status-line.js';

/** A page may follow every price, one chart and the status of the server. */
const TOPICS_BESIDE_PRICES = 2;

@Module({})
export class AppModule {
  static with(settings: Settings): DynamicModule {
    return {
      module: AppModule,
      imports: [
        FanoutModule.forRoot({
          // The default of 128 is meant for untrusted clients; our page shows the whole market at once.
          // A sample needs no more, and the system may allow fewer open files than the default asks for.
          limits: { connections: 10_000, topicsPerConnection: settings.symbols + TOPICS_BESIDE_PRICES },
        }),
      ],
      controllers: [PageController],
      providers: [
        { provide: Settings, useValue: settings },
        PriceStore,
        PriceFeed,
        MarketGateway,
        ServerStatus,
        Crowd,
        StatusLine,
      ],
    };
  }
}
