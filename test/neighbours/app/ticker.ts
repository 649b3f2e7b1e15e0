import {
  type BeforeApplicationShutdown,
  Injectable,
  type OnApplicationBootstrap,
  type OnModuleDestroy,
} from '@nestjs/common';
import { Broadcaster } from 'nestjs-fanout';

/** Milliseconds between two ticks. */
const TICK_MS = 5;

/** Publishes numbers until the application closes, and a last word then. */
@Injectable()
export class Ticker implements OnApplicationBootstrap, OnModuleDestroy, BeforeApplicationShutdown {
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;

  constructor(private readonly broadcaster: Broadcaster) {}

  onApplicationBootstrap(): void {
    this.#timer = setInterval(() => this.broadcaster.publish('ticks', ++this.#ticks), TICK_MS);
  }

  onModuleDestroy(): void {
    clearInterval(this.#timer);
    this.broadcaster.publish('ticks', 'last');
    this.broadcaster.publish('farewells', 'onModuleDestroy');
  }

  beforeApplicationShutdown(): void {
    // Not promised to arrive: the clients may be gone. It must do no harm.
    this.broadcaster.publish('farewells', 'beforeApplicationShutdown');
  }
}
