import { Board } from './board.js';
import { Chart } from './chart.js';
import { Connection } from './connection.js';
import { formatChange, formatCount, formatKibibytes, formatPrice, toneOf } from './format.js';
import { Meter } from './meter.js';

/** Tabs are often left for a moment only: coming back at once would cost more than staying. */
const PAUSE_AFTER_MS = 5_000;

const element = id => document.getElementById(id);
const url = new URL('market', location.href);
url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';

const board = new Board(element('board'), choose);
const chart = new Chart(element('chart'), requestDrawing);
const meter = new Meter(element('messages-history'));
const connection = new Connection(url, {
  state: onState,
  delivery: messages => meter.count(messages),
  reply: onReply,
});

const onPrices = { snapshot: onPrice, publication: onPrice };
const onBars = { snapshot: onAllBars, publication: onBar };
const onStatus = { publication: showStatus };

let listed = '';
let chosen = null;
let drawing = 0;
let pausing = 0;

connection.follow(['status'], onStatus);
document.addEventListener('visibilitychange', onVisibility);
setInterval(showRates, 1000);
if (!document.hidden) connection.open();

function onVisibility() {
  clearTimeout(pausing);
  if (document.hidden) pausing = setTimeout(() => connection.pause(), PAUSE_AFTER_MS);
  else connection.open();
}

function onState(state, text) {
  element('state').dataset.state = state;
  element('state').textContent = text;
  // At every return too: the server may have been started anew, with other symbols.
  if (state === 'open') connection.send('symbols');
}

function onReply(event, data) {
  if (event === 'symbols') onSymbols(data);
  if (event === 'error') console.warn(`${data.code}: ${data.message}`, data.topic ?? '');
}

function onSymbols(symbols) {
  const list = symbols.join();
  if (list === listed) return;
  // The server was started anew with other symbols: so does the page.
  if (listed !== '') return location.reload();
  listed = list;
  board.setSymbols(symbols);
  connection.follow(
    symbols.map(symbol => `prices.${symbol}`),
    onPrices,
  );
  choose(symbols[0]);
}

function choose(symbol) {
  board.choose(symbol);
  if (symbol === chosen) return;
  if (chosen !== null) connection.unfollow(`bars.${chosen}`);
  chosen = symbol;
  element('chart-symbol').textContent = symbol;
  showChosen(board.quote(symbol));
  connection.follow([`bars.${symbol}`], onBars);
}

function onPrice(quote, topic) {
  const symbol = topic.slice('prices.'.length);
  board.update(symbol, quote);
  if (symbol === chosen) chart.move(quote.price);
  requestDrawing();
}

function onAllBars(bars) {
  chart.show(bars);
  requestDrawing();
}

function onBar(bar) {
  chart.add(bar);
  requestDrawing();
}

/** However many prices arrive, the page is drawn once a frame, and in a hidden tab not at all. */
function requestDrawing() {
  drawing ||= requestAnimationFrame(() => {
    drawing = 0;
    board.draw();
    chart.draw();
    showChosen(board.quote(chosen));
  });
}

function showChosen(quote) {
  if (quote === undefined) return;
  show('chart-price', formatPrice(quote.price));
  show('chart-change', formatChange(quote.change));
  element('chart-change').className = toneOf(quote.change);
  const range = chart.range;
  if (range) show('chart-range', `5 minutes: ${formatPrice(range.low)} – ${formatPrice(range.high)}`);
}

function showRates() {
  const { messages, frames } = meter.read();
  show('messages', formatCount(messages));
  show('frames', formatCount(frames));
  if (!document.hidden) meter.draw();
}

function showStatus(report) {
  show('published', formatCount(report.published));
  show('delivered', formatCount(report.delivered));
  show('connections', formatCount(report.connections));
  show('buffered', formatKibibytes(report.buffered));
}

function show(id, text) {
  const { firstChild } = element(id);
  // Changing the text that is there is much cheaper than replacing it, and not changing it is free.
  if (firstChild === null) element(id).textContent = text;
  else if (firstChild.data !== text) firstChild.data = text;
}
