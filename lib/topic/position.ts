/** Returns a position as text for the wire. */
export function positionOf(epoch: string, offset: number): string {
  return `${epoch}:${offset}`;
}

/** Returns the offset of `position` in this epoch; undefined for another epoch, and for other text. */
export function offsetIn(epoch: string, position: string): number | undefined {
  const at = position.lastIndexOf(':');
  const digits = position.slice(at + 1);
  if (at < 0 || position.slice(0, at) !== epoch || !/^\d{1,16}$/.test(digits)) return undefined;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
