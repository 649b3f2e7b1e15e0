import { Injectable, NotFoundException, type PipeTransform } from '@nestjs/common';
import type { Instrument } from './instrument.js';
import { PriceStore } from './price-store.js';

/** Turns the `:symbol` of a topic into the instrument, and refuses topics of symbols that do not exist. */
@Injectable()
export class InstrumentPipe implements PipeTransform<string, Instrument> {
  constructor(private readonly prices: PriceStore) {}

  transform(symbol: string): Instrument {
    const instrument = this.prices.find(symbol);
    if (instrument === undefined) throw new NotFoundException('No such symbol');
    return instrument;
  }
}
