/**
 * Reason of a gap: `slow` for publications lost because the log could not wait; `expired` for publications that are out
 * of date; `except` for publications that exclude this connection; `bus` for publications lost between processes.
 */
export type GapReason = 'slow' | 'expired' | 'except' | 'bus';

/** Publications of a topic that a client will not receive. */
export interface Gap {
  /** First offset. */
  readonly from: number;
  /** Last offset. */
  readonly to: number;
  readonly reason: GapReason;
}

/** Publication in the log of its topic, serialised once for all subscribers. */
export interface LogEntry {
  /** Offset in the topic, from 1. A log has no holes, but a conflated range and a range with gaps do. */
  readonly offset: number;
  /** Payload as JSON; '' for a gap. */
  readonly json: string;
  /** Bytes of `json` in UTF-8. */
  readonly bytes: number;
  /** Id of the connection that is excluded. */
  readonly except: string | undefined;
  /** Time of publishing, in whole milliseconds of the process. */
  readonly at: number;
  /** Time after which the publication is out of date, in milliseconds of the same clock; 0 is never. */
  readonly expires: number;
  /** Conflation key: a newer entry with the same key replaces this one. Undefined on topics that do not conflate. */
  readonly key: string | undefined;
  /** Bytes of everything published on the topic, up to and with this entry. */
  readonly until: number;
  /** Gap that ends at `offset`; undefined for a publication. */
  readonly gap: Gap | undefined;
}

/** Makes the entry for publications that are not sent. */
export function gapEntry(gap: Gap): LogEntry {
  return {
    offset: gap.to,
    json: '',
    bytes: 0,
    except: undefined,
    at: 0,
    expires: 0,
    key: undefined,
    until: 0,
    gap,
  };
}

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
