import { nowUs } from '../message.mjs';

const SECOND_MS = 1000;

/** Calls `look` at each full second of the machine's clock, so that all processes look at the same time. */
export function eachSecond(look) {
  // From the nearest full second on, for a timer may fire a little early.
  const sinceFull = ((nowUs() / 1000 + SECOND_MS / 2) % SECOND_MS) - SECOND_MS / 2;
  const again = () => {
    look(Math.round(nowUs() / 1e6));
    eachSecond(look);
  };
  setTimeout(again, SECOND_MS - sinceFull).unref();
}
