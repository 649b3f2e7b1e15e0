/**
 * The one message of every delivery benchmark: a market tick of about 110 bytes as a whole, or padded to a given size.
 *
 * Servers write it and the client reads it, so both take its shape from here. Its keys, their order and their widths
 * are fixed: the client finds the four numbers it needs by counting bytes, because `JSON.parse` of millions of
 * messages a second would make the client the slow side, and then the figures would tell of the client.
 */
export const PATH = '/bench';

/** Digits of the number in the name of a topic. */
export const TOPIC_DIGITS = 5;

/** Topics go by number; the names are all of one length. */
export function topicName(index) {
  return `t${String(index).padStart(TOPIC_DIGITS, '0')}`;
}

export function topicIndex(name) {
  return Number(name.slice(1));
}

const SYMBOLS = (
  'AAPL MSFT AMZN NVDA GOOG META TSLA NFLX INTC CSCO ADBE PYPL QCOM COST SBUX AMGN INTU ISRG GILD BKNG MDLZ ADSK LRCX ' +
  'AMAT MRVL FTNT WDAY SNPS CDNS KLAC NXPI ASML CHTR MNST ORLY CTAS PAYX PCAR ROST EXPE EBAY VRTX REGN BIIB ILMN MRNA ' +
  'DXCM IDXX ALGN ANSS'
).split(' ');
const TICKS_OF_A_WALK = 97; // a prime, so that price and symbol do not repeat together
const SMALLEST = 110; // bytes of a publication without padding, nearly: offset and sequence number grow by digits

/**
 * Makes the data of publications.
 *
 * @param {number} payloadBytes of a whole publication, nearly; 0 for the smallest
 * @returns {(seq: number, at: number) => object} from a sequence number 1, 2, 3 … and a time of `nowUs`
 */
export function ticker(payloadBytes = 0) {
  const padding = paddingFor(payloadBytes);
  if (padding === '') {
    return (seq, at) => ({ at, symbol: symbol(seq), price: price(seq), size: size(seq), seq });
  }
  return (seq, at) => ({ at, symbol: symbol(seq), price: price(seq), size: size(seq), padding, seq });
}

function symbol(seq) {
  return SYMBOLS[seq % SYMBOLS.length];
}

/** Always three digits, a point and two digits, the last of them not 0, which JSON would drop. */
function price(seq) {
  const cents =
    10_000 + (seq % SYMBOLS.length) * 1500 + ((Math.floor(seq / SYMBOLS.length) * 7) % TICKS_OF_A_WALK);
  return (cents % 10 === 0 ? cents + 1 : cents) / 100;
}

function size(seq) {
  return 100 + (seq % 9) * 100;
}

function paddingFor(payloadBytes) {
  // Through a buffer, as `repeat` makes a tree of strings that the first encoding would have to flatten.
  return Buffer.alloc(Math.max(0, payloadBytes - SMALLEST), 'x').toString('latin1');
}

/** The frame's payload of one publication, as design section 2 writes it; the peers send the same bytes. */
export function publication(topic, offset, data) {
  return { topic, offset, data };
}

/** Where the numbers stand: the lengths of the constant text around them, cut out of a real message so that they cannot drift from it. */
export function layout(payloadBytes = 0) {
  const data = { ...ticker(payloadBytes)(1, 8888888), seq: 9999999 };
  const [beforeTopic, named] = JSON.stringify(publication(topicName(66666), 7777777, data)).split('66666');
  const [beforeOffset, rest] = named.split('7777777');
  const [beforeAt, last] = rest.split('8888888');
  const [beforeSeq, tail] = last.split('9999999');
  return {
    beforeTopic: beforeTopic.length,
    beforeOffset: beforeOffset.length,
    beforeAt: beforeAt.length,
    beforeSeq: beforeSeq.length,
    tail: tail.length,
  };
}

// Microseconds of the machine's monotonic clock. It is the same clock in every process, so a stamp made by the
// server can be compared in the client; `performance.now()` starts at zero in each process and is brought back to it.
const origin = Number(process.hrtime.bigint() / 1000n) - Math.round(performance.now() * 1000);

export function nowUs() {
  return origin + Math.round(performance.now() * 1000);
}
