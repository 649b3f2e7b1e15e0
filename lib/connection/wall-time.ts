/**
 * Returns milliseconds since 1970 that never go back. After a clock is set back, lost clients would else stay for as
 * long as that.
 */
export const wallTime = (): number => performance.timeOrigin + performance.now();
