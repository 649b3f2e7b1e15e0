/**
 * The one message of the echo: an order of about 100 bytes, and its reply, which every server sends with the same bytes.
 *
 * The number that a reply is known by has a fixed width and place, so that the client can write the next message and
 * read a reply without making text or objects of either.
 */
export const ECHO_PATH = '/echo';
export const FIRST_NUMBER = 1_000_000;
export const NUMBER_DIGITS = 7;

function order(number) {
  return { number, symbol: 'AAPL', side: 'buy', quantity: 100, limit: 189.25 };
}

/** @param {string} event `echo`, or `guarded` for the handler with a guard and a pipe */
export function request(event) {
  return JSON.stringify({ event, data: order(FIRST_NUMBER) });
}

export function reply(event) {
  return request(event);
}
