import type { LogEntry } from '../../../lib/wire/log-entry.js';

/** The topic that entries are of, where that does not matter. */
export const ORIGIN = { name: 't', epoch: 'e' };

/** A log entry of a value, as publishing it makes one. */
export function entryOf(value: unknown, offset: number, except?: string): LogEntry {
  const json = JSON.stringify(value);
  const bytes = Buffer.byteLength(json);
  return { offset, json, bytes, except, at: 0, expires: 0, key: undefined, until: bytes, gap: undefined };
}

/** Consecutive entries from an offset on. */
export function entriesOf(values: readonly unknown[], from = 1): LogEntry[] {
  return values.map((value, i) => entryOf(value, from + i));
}

/** What a client must understand of entries: `[{ topic, offset, data }]`. */
export function publicationsOf(topic: string, entries: readonly LogEntry[]): unknown[] {
  return entries.map(({ offset, json }) => ({ topic, offset, data: JSON.parse(json) as unknown }));
}
