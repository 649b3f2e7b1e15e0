import { nowUs } from '../message.mjs';

const SECOND_MS = 1000;

/** Calls `look` at each full second of the machine's clock, so that all processes look at the same time. */
export function eachSecond(look) {
  const nowMs = nowUs() / 1000;
  setTimeout(
    () => {
      look(Math.round(nowUs() / 1e6));
      eachSecond(look);
    },
    SECOND_MS - (nowMs % SECOND_MS),
  ).unref();
}
