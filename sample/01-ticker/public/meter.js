import { colour, drawArea, fit } from './canvas.js';

const SECONDS_KEPT = 60;

/** Counts what arrives in this browser; once a second it becomes a rate, and one more point of the small chart. */
export class Meter {
  #canvas;
  #messages = 0;
  #frames = 0;
  #readAt = performance.now();
  #history = [];

  constructor(canvas) {
    this.#canvas = canvas;
  }

  count(messages) {
    this.#messages += messages;
    this.#frames++;
  }

  /** @returns the rates since the last reading */
  read() {
    const now = performance.now();
    // Browsers slow the timers of hidden pages down: divide by the time that has really passed.
    const seconds = (now - this.#readAt) / 1000;
    const rates = { messages: this.#messages / seconds, frames: this.#frames / seconds };
    this.#messages = 0;
    this.#frames = 0;
    this.#readAt = now;
    this.#history.push(rates.messages);
    if (this.#history.length > SECONDS_KEPT) this.#history.shift();
    return rates;
  }

  draw() {
    const { context, width, height } = fit(this.#canvas);
    const top = Math.max(1, ...this.#history);
    const points = this.#history.map((rate, i) => ({
      x: width - ((this.#history.length - 1 - i) / (SECONDS_KEPT - 1)) * width,
      y: height - (rate / top) * (height - 4),
    }));
    drawArea(context, points, height, colour('accent'), colour('accent-soft'));
  }
}
