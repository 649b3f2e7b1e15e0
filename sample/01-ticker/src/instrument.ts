/** What is published on `prices.<symbol>`, some hundred bytes a time. */
export interface Quote {
  price: number;
  /** Per cent since the sample started. */
  change: number;
  volume: number;
}

/** One second of the chart, published on `bars.<symbol>`. */
export interface Bar {
  /** End of the second, milliseconds since 1970. */
  at: number;
  price: number;
  volume: number;
}

/** Five minutes, the width of the chart. */
export const BARS_KEPT = 300;

/** One symbol: a price that walks at random, and its last five minutes. */
export class Instrument {
  readonly bars: Bar[] = [];
  #exact: number;
  #open: number;
  #volume = 0;
  #volumeAtLastBar = 0;

  constructor(
    readonly symbol: string,
    price: number,
  ) {
    this.#exact = price;
    this.#open = price;
  }

  get quote(): Quote {
    const change = (this.#exact / this.#open - 1) * 100;
    return { price: round(this.#exact), change: round(change), volume: this.#volume };
  }

  /**
   * @param deviation standard deviation of the step, as a share of the price
   * @param trades how many trades this step stands for
   */
  trade(deviation: number, trades = 1): Quote {
    this.#exact = Math.max(0.01, this.#exact * (1 + deviation * gaussian()));
    this.#volume += 10 * Math.ceil(Math.random() ** 3 * 90 * trades);
    return this.quote;
  }

  closeBar(at: number): Bar {
    const bar = { at, price: round(this.#exact), volume: this.#volume - this.#volumeAtLastBar };
    this.#volumeAtLastBar = this.#volume;
    this.bars.push(bar);
    if (this.bars.length > BARS_KEPT) this.bars.shift();
    return bar;
  }
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Mean 0, deviation 1, and near enough to a bell: three dice instead of a logarithm. */
function gaussian(): number {
  return (Math.random() + Math.random() + Math.random() - 1.5) * 2;
}
