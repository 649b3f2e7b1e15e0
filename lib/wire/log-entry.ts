/** One published value as its topic's log keeps it: serialised once, whoever listens. */
export interface LogEntry {
  /** Position in the topic, from 1. A log has no holes; a range that was conflated or has gaps in it does. */
  readonly offset: number;
  /** The payload as JSON; the text of a whole frame where `gapFrom` is set. */
  readonly json: string;
  /** Bytes of `json` in UTF-8. */
  readonly bytes: number;
  /** Id of the connection that does not get it. */
  readonly except: string | undefined;
  /** When it was published, in whole milliseconds of the process. */
  readonly at: number;
  /** When it is no longer worth sending, in milliseconds of the same clock; 0 never. */
  readonly expires: number;
  /** What it is a value of, so that a newer entry with the same key can stand for it; undefined in topics that do not conflate. */
  readonly key: string | undefined;
  /** Bytes of everything published on the topic, up to and with it. */
  readonly until: number;
  /** 0 in a publication. Else this is a gap that stands in a range for the publications from this offset to `offset`. */
  readonly gapFrom: number;
}
