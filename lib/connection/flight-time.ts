/** Share of `slowConsumer.lag` for bytes under way; the rest is for publications that wait in the logs. */
const FLIGHT_SHARE = 1 / 2;

/**
 * Returns the milliseconds in which a client reads the bytes under way; Infinity sets no limit.
 * @param lag `slowConsumer.lag`
 */
export function flightTimeOf(lag: number): number {
  return lag === 0 ? Infinity : lag * FLIGHT_SHARE;
}
