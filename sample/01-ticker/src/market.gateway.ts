import { UseGuards } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { HeartbeatGuard, Topic, TopicParam } from 'nestjs-fanout';
import type { Observable } from 'rxjs';
import { Instrument, type Bar, type Quote } from './instrument.js';
import { InstrumentPipe } from './instrument.pipe.js';
import { PriceStore } from './price-store.js';
import { ServerStatus, type StatusReport } from './server-status.js';

@WebSocketGateway({ path: '/market' })
@UseGuards(HeartbeatGuard)
export class MarketGateway {
  constructor(
    private readonly prices: PriceStore,
    private readonly status: ServerStatus,
  ) {}

  /** The snapshot is the price now, so a row of the table is never empty; history lets a client resume. */
  @Topic('prices.:symbol', { history: 100 })
  price(@TopicParam('symbol', InstrumentPipe) instrument: Instrument): Quote {
    return instrument.quote;
  }

  /** The snapshot is the whole chart, and every publication adds a second to it. */
  @Topic('bars.:symbol')
  chart(@TopicParam('symbol', InstrumentPipe) instrument: Instrument): Bar[] {
    // A copy: a bar that closes before this is sent comes as a publication, and must not be in both.
    return [...instrument.bars];
  }

  /** An Observable is a source: subscribed to once, while anyone listens. */
  @Topic('status')
  reports(): Observable<StatusReport> {
    return this.status.reports;
  }

  /** Plain Nest messages work as they always did. */
  @SubscribeMessage('symbols')
  symbols() {
    return { event: 'symbols', data: this.prices.symbols };
  }
}
