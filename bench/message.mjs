/**
 * The one message of every benchmark: a market tick of about 100 bytes as a whole.
 *
 * Servers write it and the client reads it, so both take its shape from here. Its keys and their order are fixed:
 * the client finds the three numbers it needs by counting bytes, because `JSON.parse` of millions of messages a
 * second would make the client the slow side, and then the figures would tell of the client.
 */
export const TOPIC = 'feed';
export const PATH = '/bench';

/** @param {number} seq 1, 2, 3 … @param {number} at of `nowUs` */
export function tick(seq, at) {
  return { at, symbol: 'AAPL', price: 189.25, size: 100, seq };
}

/** The frame's payload of one publication, as design section 2 writes it; the peers send the same bytes. */
export function publication(offset, data) {
  return { topic: TOPIC, offset, data };
}

/** The peers answer a subscribe as fanout does, so that one client fits them all. */
export const SUBSCRIBED = JSON.stringify({
  event: 'subscribed',
  data: { topic: TOPIC, position: 'bench:0' },
});

// The constant text around the three numbers, cut out of a real message so that it cannot drift from it.
const sample = JSON.stringify(publication(7777777, tick(9999999, 8888888)));
const [beforeOffset, rest] = sample.split('7777777');
const [beforeAt, last] = rest.split('8888888');
const [beforeSeq, tail] = last.split('9999999');

export const LAYOUT = {
  beforeOffset: beforeOffset.length,
  beforeAt: beforeAt.length,
  beforeSeq: beforeSeq.length,
  tail: tail.length,
};

// Microseconds of the machine's monotonic clock. It is the same clock in every process, so a stamp made by the
// server can be compared in the client; `performance.now()` starts at zero in each process and is brought back to it.
const origin = Number(process.hrtime.bigint() / 1000n) - Math.round(performance.now() * 1000);

export function nowUs() {
  return origin + Math.round(performance.now() * 1000);
}
