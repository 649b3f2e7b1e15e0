import { colour, drawArea, fit } from './canvas.js';
import { formatCount, formatPrice, formatTime } from './format.js';

const WINDOW_MS = 5 * 60_000;
const MINUTE_MS = 60_000;
const BARS_KEPT = 300;
const MARGIN = { top: 12, right: 64, bottom: 26, left: 4 };
/** The share of the height that the volume may take, at the foot. */
const VOLUME_SHARE = 0.16;
const Y_LABELS = 5;
const TAG_HEIGHT = 20;
const FONT = '12px system-ui, sans-serif';

/** Price and volume of one symbol over the last five minutes, drawn by hand. */
export class Chart {
  #canvas;
  #bars = [];
  /** The price now, newer than the last bar. */
  #price = 0;
  #pointerX = null;
  #stale = true;

  /** @param onStale called when the picture no longer shows the truth: ask for a frame, and call draw() */
  constructor(canvas, onStale) {
    this.#canvas = canvas;
    const redraw = () => {
      this.#stale = true;
      onStale();
    };
    new ResizeObserver(redraw).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);
    canvas.addEventListener('pointermove', event => {
      this.#pointerX = event.offsetX;
      redraw();
    });
    canvas.addEventListener('pointerleave', () => {
      this.#pointerX = null;
      redraw();
    });
  }

  show(bars) {
    this.#bars = bars;
    this.#price = bars.at(-1)?.price ?? 0;
    this.#stale = true;
  }

  move(price) {
    if (price === this.#price) return;
    this.#price = price;
    this.#stale = true;
  }

  add(bar) {
    this.#bars.push(bar);
    if (this.#bars.length > BARS_KEPT) this.#bars.shift();
    this.#stale = true;
  }

  /** @returns the lowest and the highest price in the picture, if there is a picture */
  get range() {
    if (this.#bars.length === 0) return undefined;
    const prices = [this.#price, ...this.#bars.map(bar => bar.price)];
    return { low: Math.min(...prices), high: Math.max(...prices) };
  }

  draw() {
    if (!this.#stale) return;
    this.#stale = false;
    const { context, width, height } = fit(this.#canvas);
    if (this.#bars.length === 0 || width === 0) return;
    context.font = FONT;
    const scales = this.#createScales(width, height);
    this.#drawGrid(context, scales);
    this.#drawVolume(context, scales);
    const points = this.#bars.map(bar => ({ x: scales.x(bar.at), y: scales.y(bar.price) }));
    points.push({ x: scales.right, y: scales.y(this.#price) });
    drawArea(context, points, scales.bottom, colour('accent'), colour('accent-soft'));
    this.#drawLastPrice(context, scales);
    if (this.#pointerX !== null) this.#drawPointer(context, scales);
  }

  #createScales(width, height) {
    const [left, right] = [MARGIN.left, width - MARGIN.right];
    const [top, bottom] = [MARGIN.top, height - MARGIN.bottom];
    // The price now has the second after the last bar.
    const end = this.#bars.at(-1).at + 1000;
    const { low, high } = this.range;
    const air = Math.max((high - low) * 0.08, 0.01);
    const [least, most] = [low - air, high + air];
    const priceFloor = bottom - (bottom - top) * VOLUME_SHARE;
    return {
      left,
      right,
      top,
      bottom,
      least,
      most,
      end,
      x: at => right - ((end - at) / WINDOW_MS) * (right - left),
      y: price => priceFloor - ((price - least) / (most - least)) * (priceFloor - top),
    };
  }

  #drawGrid(context, scales) {
    const { left, right, bottom, least, most, end } = scales;
    context.strokeStyle = colour('line');
    context.fillStyle = colour('quiet');
    context.lineWidth = 1;
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    const lastY = scales.y(this.#price);
    const step = niceStep((most - least) / Y_LABELS);
    for (let price = Math.ceil(least / step) * step; price <= most; price += step) {
      const y = Math.round(scales.y(price)) + 0.5;
      drawLine(context, left, y, right, y);
      // Not under the tag of the last price.
      if (Math.abs(y - lastY) > TAG_HEIGHT) context.fillText(formatPrice(price), right + 8, y);
    }
    context.textBaseline = 'top';
    context.textAlign = 'center';
    for (let at = Math.floor(end / MINUTE_MS) * MINUTE_MS; at > end - WINDOW_MS; at -= MINUTE_MS) {
      const x = Math.round(scales.x(at)) + 0.5;
      drawLine(context, x, scales.top, x, bottom);
      context.fillText(formatTime(at), Math.min(Math.max(x, 18), right), bottom + 8);
    }
  }

  #drawVolume(context, scales) {
    const most = Math.max(1, ...this.#bars.map(bar => bar.volume));
    const room = (scales.bottom - scales.top) * VOLUME_SHARE * 0.9;
    const barWidth = Math.max(1, (scales.right - scales.left) / BARS_KEPT - 1);
    context.fillStyle = colour('quiet');
    context.globalAlpha = 0.45;
    for (const bar of this.#bars) {
      const height = (bar.volume / most) * room;
      context.fillRect(scales.x(bar.at) - barWidth, scales.bottom - height, barWidth, height);
    }
    context.globalAlpha = 1;
  }

  #drawLastPrice(context, scales) {
    const y = scales.y(this.#price);
    context.fillStyle = colour('accent');
    context.beginPath();
    context.arc(scales.right, y, 3, 0, 2 * Math.PI);
    context.fill();
    context.beginPath();
    context.roundRect(scales.right + 4, y - TAG_HEIGHT / 2, MARGIN.right - 8, TAG_HEIGHT, 4);
    context.fill();
    context.fillStyle = colour('card');
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    context.fillText(formatPrice(this.#price), scales.right + 8, y);
  }

  #drawPointer(context, scales) {
    const bar = this.#bars.reduce((nearest, each) => {
      const distance = at => Math.abs(scales.x(at) - this.#pointerX);
      return distance(each.at) < distance(nearest.at) ? each : nearest;
    });
    const [x, y] = [scales.x(bar.at), scales.y(bar.price)];
    context.strokeStyle = colour('quiet');
    context.setLineDash([3, 3]);
    drawLine(context, x, scales.top, x, scales.bottom);
    context.setLineDash([]);
    context.fillStyle = colour('text');
    context.beginPath();
    context.arc(x, y, 3.5, 0, 2 * Math.PI);
    context.fill();
    const text = `${formatTime(bar.at, true)}   ${formatPrice(bar.price)}   volume ${formatCount(bar.volume)}`;
    const boxWidth = context.measureText(text).width + 16;
    const boxX = Math.min(Math.max(x - boxWidth / 2, scales.left), scales.right - boxWidth);
    context.fillStyle = colour('text');
    context.beginPath();
    context.roundRect(boxX, scales.top - 8, boxWidth, 22, 4);
    context.fill();
    context.fillStyle = colour('card');
    context.textBaseline = 'middle';
    context.textAlign = 'left';
    context.fillText(text, boxX + 8, scales.top + 3);
  }
}

function drawLine(context, x1, y1, x2, y2) {
  context.beginPath();
  context.moveTo(x1, y1);
  context.lineTo(x2, y2);
  context.stroke();
}

/** The next step above `rough` that people like to read: 1, 2 or 5 times a power of ten, and no finer than a cent. */
function niceStep(rough) {
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(factor => factor * power >= rough) * power;
  return Math.max(step, 0.01);
}
