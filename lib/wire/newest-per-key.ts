import type { LogEntry } from './log-entry.js';

/**
 * Returns the newest entry of each key, in the order of offsets, and every entry without a key. Returns the same array
 * if nothing is left out.
 */
export function newestPerKey(entries: readonly LogEntry[]): readonly LogEntry[] {
  const seen = new Set<string>();
  const newest: LogEntry[] = [];
  for (let i = entries.length - 1; i >= 0; i--) {
    const entry = entries[i]!;
    if (entry.key !== undefined) {
      if (seen.has(entry.key)) continue;
      seen.add(entry.key);
    }
    newest.push(entry);
  }
  return newest.length === entries.length ? entries : newest.toReversed();
}
