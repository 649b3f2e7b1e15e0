import { Injectable } from '@nestjs/common';
import { Broadcaster, Publish } from 'nestjs-fanout';

export interface Price {
  readonly symbol: string;
  readonly price: number;
  /** Kind of the caller. */
  readonly by: string;
}

/** The service behind the controller, the resolver and the microservice. */
@Injectable()
export class Prices {
  readonly #latest = new Map<string, Price>();

  constructor(private readonly broadcaster: Broadcaster) {}

  latest(symbol: string): Price | null {
    return this.#latest.get(symbol) ?? null;
  }

  subscribers(symbol: string): number {
    return this.broadcaster.subscribers(`prices.${symbol}`);
  }

  /** Publishes with the broadcaster; gives the number of subscribers. */
  set(price: Price): number {
    this.#latest.set(price.symbol, price);
    return this.broadcaster.publish(`prices.${price.symbol}`, price);
  }

  /** Publishes with the decorator. */
  @Publish('prices.:symbol')
  async touch(symbol: string, by: string): Promise<Price> {
    return { symbol, price: 0, by };
  }
}
