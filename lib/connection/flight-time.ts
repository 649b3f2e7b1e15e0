/** Share of `slowConsumer.lag` that what is under way may take; the rest is for what waits in the logs. */
const FLIGHT_SHARE = 1 / 2;

/** Milliseconds in which a client reads what is under way; Infinity bounds nothing. @param lag `slowConsumer.lag` */
export function flightTimeOf(lag: number): number {
  return lag === 0 ? Infinity : lag * FLIGHT_SHARE;
}
