interface Wait {
  readonly from: number;
  to: number;
}

/**
 * When bytes have waited between a connection and its socket until the client reads. No publication is added to them
 * meanwhile, so what leaves then was handed over when the wait began.
 */
export class Waits {
  readonly #waits: Wait[] = [];
  #isOn = false;

  /** Is told of each moment whether something waits. */
  note(isOn: boolean, now: number): void {
    if (isOn && !this.#isOn) this.#waits.push({ from: now, to: Infinity });
    else if (!isOn && this.#isOn) this.#waits.at(-1)!.to = now;
    this.#isOn = isOn;
  }

  /** When what was written to the socket at a moment was handed over at the earliest. */
  handedOver(written: number): number {
    // One wait may end in the moment in which the next one begins.
    return this.#waits.find(({ from, to }) => from <= written && written <= to)?.from ?? written;
  }
}
