/** One published value as its topic's log keeps it: serialised once, whoever listens. */
export interface LogEntry {
  /** Position in the topic, from 1, without holes. */
  readonly offset: number;
  /** The payload as JSON. */
  readonly json: string;
  /** Bytes of `json` in UTF-8. */
  readonly bytes: number;
  /** Id of the connection that does not get it. */
  readonly except: string | undefined;
}
