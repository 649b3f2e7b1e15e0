import { Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { Broadcaster } from 'nestjs-fanout';
import { PriceStore } from './price-store.js';
import { Settings } from './settings.js';

/** A timer cannot tick 50,000 times a second, so it ticks this often and publishes what has become due. */
const TURN_MS = 5;

/** After a longer pause (a laptop that slept) the market goes on from here; it does not make up for it in one burst. */
const LONGEST_TURN_MS = 250;

/** Publishes prices at a steady rate, and once a second a bar for every chart. */
@Injectable()
export class PriceFeed implements OnApplicationBootstrap, OnModuleDestroy {
  /** Prices published since the start. */
  published = 0;
  /** How many subscribers they went to, all together. */
  delivered = 0;

  #timers: NodeJS.Timeout[] = [];
  #lastTurn = 0;
  #due = 0;

  constructor(
    private readonly broadcaster: Broadcaster,
    private readonly prices: PriceStore,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    this.#lastTurn = performance.now();
    this.#timers = [setInterval(() => this.#turn(), TURN_MS), setInterval(() => this.#publishBars(), 1000)];
  }

  onModuleDestroy(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  #turn(): void {
    const now = performance.now();
    this.#due += (this.settings.rate * Math.min(now - this.#lastTurn, LONGEST_TURN_MS)) / 1000;
    this.#lastTurn = now;
    // What is left below one price is carried over, so the rate is exact in the long run.
    for (; this.#due >= 1; this.#due--) this.#publishPrice();
  }

  #publishPrice(): void {
    const { symbol, quote } = this.prices.trade();
    this.delivered += this.broadcaster.publish(`prices.${symbol}`, quote);
    this.published++;
  }

  #publishBars(): void {
    // Nobody charts most of the symbols; publishing to a topic without subscribers costs next to nothing.
    for (const { symbol, bar } of this.prices.closeBars(Date.now())) {
      this.broadcaster.publish(`bars.${symbol}`, bar);
    }
  }
}
