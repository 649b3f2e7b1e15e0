/** Publication in the log of its topic, serialised once for all subscribers. */
export interface LogEntry {
  /** Offset in the topic, from 1. A log has no holes, but a conflated range and a range with gaps do. */
  readonly offset: number;
  /** Payload as JSON; text of a whole frame if `gapFrom` is set. */
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
  /** First offset of a gap that ends at `offset`; 0 for a publication. */
  readonly gapFrom: number;
}
