import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { APP_GUARD, APP_INTERCEPTOR } from '@nestjs/core';
import { GraphQLModule } from '@nestjs/graphql';
import { JwtModule } from '@nestjs/jwt';
import { ThrottlerModule } from '@nestjs/throttler';
import { PubSub } from 'graphql-subscriptions';
import { ClsModule } from 'nestjs-cls';
import { FanoutModule } from 'nestjs-fanout';
import { JwtGuard, LoginController } from './auth.js';
import {
  MarketGateway,
  OpenGateway,
  OwnPortGateway,
  RootGateway,
  SlowGateway,
  SlowGuard,
} from './gateways.js';
import { HttpThrottlerGuard } from './http-throttler.guard.js';
import { ConnectionsController, PricesController, PricesMicroservice } from './prices.controllers.js';
import { Prices } from './prices.js';
import { PricesResolver } from './prices.resolver.js';
import { Sockets } from './sockets.js';
import { StampInterceptor } from './stamp.interceptor.js';
import { Ticker } from './ticker.js';

@Module({
  imports: [
    FanoutModule.forRoot(),
    JwtModule.register({ global: true, secret: 'a secret of a test', signOptions: { expiresIn: '1h' } }),
    ThrottlerModule.forRoot([{ ttl: 60_000, limit: 10_000 }]),
    ClsModule.forRoot({
      global: true,
      guard: { generateId: true },
      interceptor: { generateId: true },
    }),
    GraphQLModule.forRoot<ApolloDriverConfig>({
      driver: ApolloDriver,
      autoSchemaFile: true,
      fieldResolverEnhancers: [],
      context: contextOf,
      subscriptions: { 'graphql-ws': true },
    }),
  ],
  controllers: [LoginController, ConnectionsController, PricesController, PricesMicroservice],
  providers: [
    { provide: APP_GUARD, useClass: HttpThrottlerGuard },
    { provide: APP_GUARD, useExisting: JwtGuard },
    { provide: APP_INTERCEPTOR, useClass: StampInterceptor },
    { provide: PubSub, useValue: new PubSub() },
    JwtGuard,
    SlowGuard,
    Prices,
    PricesResolver,
    MarketGateway,
    OpenGateway,
    SlowGateway,
    OwnPortGateway,
    RootGateway,
    Sockets,
    Ticker,
  ],
})
export class AppModule {}

/** Request of a resolver: that of Express or Fastify; a subscription has its token in the parameters of its connection. */
function contextOf(given: any): { req: unknown } {
  return { req: given.connectionParams ? { headers: given.connectionParams } : (given.req ?? given) };
}
