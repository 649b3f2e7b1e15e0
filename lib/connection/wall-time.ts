/**
 * Milliseconds since 1970 that never go back: a clock that is set back would otherwise keep dead peers alive for as
 * long as it was set back.
 */
export const wallTime = (): number => performance.timeOrigin + performance.now();
