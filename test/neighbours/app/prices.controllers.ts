import { Body, Controller, Delete, Get, Param, Post, Req } from '@nestjs/common';
import { MessagePattern, Payload } from '@nestjs/microservices';
import { ApiBearerAuth, ApiProperty } from '@nestjs/swagger';
import { Throttle } from '@nestjs/throttler';
import { ClsService } from 'nestjs-cls';
import { Broadcaster } from 'nestjs-fanout';
import { setTimeout as delay } from 'node:timers/promises';
import { Public } from './auth.js';
import { OpenGateway } from './gateways.js';
import { Prices } from './prices.js';

export class PriceDto {
  @ApiProperty()
  price!: number;
}

@ApiBearerAuth()
@Controller()
export class PricesController {
  constructor(
    private readonly prices: Prices,
    private readonly cls: ClsService,
  ) {}

  @Public()
  @Get('health')
  health() {
    return { status: 'up' };
  }

  @Get('me')
  async me(@Req() request: any) {
    const before = this.cls.getId();
    await delay(5);
    return { user: request.user.sub, cls: [before, this.cls.getId()] };
  }

  @Public()
  @Throttle({ default: { limit: 2, ttl: 60_000 } })
  @Get('scarce')
  scarce() {
    return { given: true };
  }

  @Post('prices/:symbol')
  set(@Param('symbol') symbol: string, @Body() { price }: PriceDto) {
    return { subscribers: this.prices.set({ symbol, price, by: 'http' }) };
  }

  @Get('prices/:symbol/subscribers')
  subscribers(@Param('symbol') symbol: string) {
    return { subscribers: this.prices.subscribers(symbol) };
  }

  @Post('prices/:symbol/touch')
  touch(@Param('symbol') symbol: string) {
    return this.prices.touch(symbol, 'http');
  }
}

@ApiBearerAuth()
@Controller('connections')
export class ConnectionsController {
  constructor(
    private readonly broadcaster: Broadcaster,
    private readonly gateway: OpenGateway,
  ) {}

  @Delete(':id')
  async disconnect(@Param('id') connection: string) {
    await this.broadcaster.disconnect({ connection });
    return { disconnected: connection };
  }

  /** Ids of the contexts that `handleDisconnect` of the open gateway saw. */
  @Get('contexts')
  contexts() {
    return { contexts: this.gateway.contextsOfDisconnects };
  }
}

@Controller()
export class PricesMicroservice {
  constructor(
    private readonly prices: Prices,
    private readonly cls: ClsService,
  ) {}

  @MessagePattern('prices.set')
  set(@Payload() { symbol, price }: { symbol: string; price: number }) {
    return { subscribers: this.prices.set({ symbol, price, by: 'rpc' }) };
  }

  @MessagePattern('cls')
  id() {
    return { cls: this.cls.getId() ?? null };
  }
}
