/** A position as it goes over the wire. */
export function positionOf(epoch: string, offset: number): string {
  return `${epoch}:${offset}`;
}

/** The offset that `position` names in this epoch, or undefined when it is of another one or no position at all. */
export function offsetIn(epoch: string, position: string): number | undefined {
  const at = position.lastIndexOf(':');
  const digits = position.slice(at + 1);
  if (at < 0 || position.slice(0, at) !== epoch || !/^\d{1,16}$/.test(digits)) return undefined;
  const offset = Number(digits);
  return Number.isSafeInteger(offset) ? offset : undefined;
}
