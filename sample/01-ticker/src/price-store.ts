import { Injectable } from '@nestjs/common';
import { BARS_KEPT, Instrument, type Bar, type Quote } from './instrument.js';
import { Settings } from './settings.js';
import { symbolNames } from './symbols.js';

/** How far a price wanders in a second, as a share of itself. */
const DEVIATION_PER_SECOND = 0.0006;

const MOST_REHEARSED_STEPS = 16;

/** All prices of the market. Knows nothing of who listens. */
@Injectable()
export class PriceStore {
  readonly #instruments: Instrument[];
  readonly #bySymbol: Map<string, Instrument>;
  readonly #deviation: number;

  constructor(settings: Settings) {
    const tradesPerSecond = settings.rate / settings.symbols;
    // A walk spreads with the square root of its steps: this way the chart looks alike at every --rate.
    this.#deviation = DEVIATION_PER_SECOND / Math.sqrt(tradesPerSecond);
    this.#instruments = symbolNames(settings.symbols).map(
      symbol => new Instrument(symbol, 12 + 400 * Math.random() ** 2),
    );
    this.#bySymbol = new Map(this.#instruments.map(instrument => [instrument.symbol, instrument]));
    this.#rehearse(tradesPerSecond);
  }

  get symbols(): string[] {
    return [...this.#bySymbol.keys()];
  }

  find(symbol: string): Instrument | undefined {
    return this.#bySymbol.get(symbol);
  }

  /** Some symbol is traded: the next tick of the market. */
  trade(): { symbol: string; quote: Quote } {
    const instrument = this.#instruments[Math.floor(Math.random() * this.#instruments.length)]!;
    return { symbol: instrument.symbol, quote: instrument.trade(this.#deviation) };
  }

  closeBars(at: number): { symbol: string; bar: Bar }[] {
    return this.#instruments.map(instrument => ({ symbol: instrument.symbol, bar: instrument.closeBar(at) }));
  }

  /** Trades the five minutes before the start, or the first visitor would look at an empty chart. */
  #rehearse(tradesPerSecond: number): void {
    // The same volume as from now on, in fewer steps at a high --rate: the start should not have to wait for it.
    const steps = Math.min(MOST_REHEARSED_STEPS, Math.max(1, Math.round(tradesPerSecond)));
    const start = Date.now() - BARS_KEPT * 1000;
    for (const instrument of this.#instruments) {
      for (let second = 1; second <= BARS_KEPT; second++) {
        for (let step = 0; step < steps; step++) {
          instrument.trade(DEVIATION_PER_SECOND / Math.sqrt(steps), tradesPerSecond / steps);
        }
        instrument.closeBar(start + second * 1000);
      }
    }
  }
}
