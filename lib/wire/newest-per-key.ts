import type { LogEntry } from './log-entry.js';

/**
 * The newest entry of each key, in the order of their offsets, and every entry that has no key. The array itself when
 * that is all of them.
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
