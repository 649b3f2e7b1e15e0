import { formatChange, formatCount, formatPrice, toneOf } from './format.js';

const FLASH_MS = 700;

const stillness = matchMedia('(prefers-reduced-motion: reduce)');

/** The table. Takes any number of quotes, and writes only what changed of the rows in sight, once a frame. */
export class Board {
  #body;
  #onChoose;
  #rows = new Map();
  #changed = new Set();
  #chosen = null;
  #inSight;

  constructor(body, onChoose) {
    this.#body = body;
    this.#onChoose = onChoose;
    this.#inSight = new IntersectionObserver(entries => this.#onScroll(entries), {
      root: body.closest('section'),
      rootMargin: '100px 0px',
    });
  }

  setSymbols(symbols) {
    this.#inSight.disconnect();
    this.#changed.clear();
    this.#rows = new Map(symbols.map(symbol => [symbol, this.#createRow(symbol)]));
    this.#body.replaceChildren(...[...this.#rows.values()].map(row => row.element));
    for (const row of this.#rows.values()) this.#inSight.observe(row.element);
  }

  update(symbol, quote) {
    const row = this.#rows.get(symbol);
    if (row === undefined) return;
    row.quote = quote;
    this.#changed.add(row);
  }

  /** The last quote received, or undefined before the first. */
  quote(symbol) {
    return this.#rows.get(symbol)?.quote;
  }

  choose(symbol) {
    for (const name of [this.#chosen, symbol]) {
      const row = this.#rows.get(name);
      row?.element.classList.toggle('chosen', name === symbol);
      row?.button.setAttribute('aria-pressed', name === symbol);
    }
    this.#chosen = symbol;
  }

  draw() {
    for (const row of this.#changed) {
      // A row out of sight stays changed, and is written when it comes into sight.
      if (!row.inSight) continue;
      this.#changed.delete(row);
      this.#write(row);
    }
  }

  #write(row) {
    const { quote, shown, price, change, volume } = row;
    if (quote.price !== shown.price) {
      price.textContent = formatPrice(quote.price);
      if (shown.price !== undefined)
        this.#flash(row, quote.price > shown.price ? '--up-soft' : '--down-soft');
    }
    if (quote.change !== shown.change) {
      change.textContent = formatChange(quote.change);
      change.className = toneOf(quote.change);
    }
    if (quote.volume !== shown.volume) volume.textContent = formatCount(quote.volume);
    row.shown = quote;
  }

  #flash(row, colour) {
    if (stillness.matches) return;
    row.flash?.cancel();
    const keyframes = [{ backgroundColor: `var(${colour})` }, { backgroundColor: 'transparent' }];
    row.flash = row.price.animate(keyframes, { duration: FLASH_MS, easing: 'ease-out' });
  }

  #createRow(symbol) {
    const element = document.createElement('tr');
    element.dataset.symbol = symbol;
    const head = element.appendChild(document.createElement('th'));
    head.scope = 'row';
    const button = head.appendChild(document.createElement('button'));
    button.type = 'button';
    button.textContent = symbol;
    button.setAttribute('aria-pressed', 'false');
    element.addEventListener('click', () => this.#onChoose(symbol));
    const [price, change, volume] = ['–', '–', '–'].map(text => {
      const cell = element.appendChild(document.createElement('td'));
      cell.textContent = text;
      return cell;
    });
    return {
      element,
      button,
      price,
      change,
      volume,
      quote: undefined,
      shown: {},
      inSight: false,
      flash: null,
    };
  }

  #onScroll(entries) {
    for (const { target, isIntersecting } of entries) {
      const row = this.#rows.get(target.dataset.symbol);
      if (row !== undefined) row.inSight = isIntersecting;
    }
    this.draw();
  }
}
