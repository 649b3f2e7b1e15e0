import { gapEntry, type LogEntry } from './log-entry.js';

/**
 * Replaces each run of publications that have expired by one gap. Returns the same array if none has expired, at the
 * cost of one check for each.
 */
export function withoutExpired(entries: readonly LogEntry[], now: number): readonly LogEntry[] {
  let at = entries.findIndex(entry => hasExpired(entry, now));
  if (at < 0) return entries;
  const left = entries.slice(0, at);
  while (at < entries.length) {
    const first = entries[at++]!;
    if (!hasExpired(first, now)) {
      left.push(first);
      continue;
    }
    while (at < entries.length && hasExpired(entries[at]!, now)) at++;
    left.push(gapEntry({ from: first.offset, to: entries[at - 1]!.offset, reason: 'expired' }));
  }
  return left;
}

function hasExpired({ expires }: LogEntry, now: number): boolean {
  return expires !== 0 && expires <= now;
}
