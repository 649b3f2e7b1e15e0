/** Key in {@link Counters.closes} for the codes that clients make up: a label for each would let a client fill the memory of a monitor. */
const OTHER = 'other';

/** Largest close code of RFC 6455. Codes above are for applications. */
const LAST_STANDARD_CODE = 1015;

/** Contents of a written batch, as far as they are counted. */
interface Delivered {
  readonly publications: number;
  readonly gaps: readonly (keyof Counters['gaps'])[] | undefined;
}

/**
 * Counters of one application, from its start on. The code that does the work increments these numbers itself, so that a count
 * costs an addition and no call. Nothing sets a counter back.
 */
export class Counters {
  /** Publications that `publish` has accepted. Those that reach nobody are included. */
  publications = 0;
  /** Publications written to sockets: one for each subscriber and publication. */
  deliveries = 0;
  /** Bytes written to sockets by this library. */
  bytes = 0;
  /** Writes to sockets by this library. Buffers that leave in one system call are one write. */
  socketWrites = 0;
  /** Encodings of publications as frames. One serves all subscribers of a format at the same place of the log. */
  encodes = 0;
  /** Flushes. */
  flushes = 0;
  /** Time of the event loop that flushes have taken, in milliseconds. */
  flushMs = 0;
  /** Messages of clients that have arrived whole. Refused ones are included. */
  messages = 0;
  /** Connections that were opened. */
  accepted = 0;
  /** Subscriptions that fell behind because the socket of their client had no room at a flush. */
  slow = 0;
  /** Gaps written to clients, by reason. */
  readonly gaps = { slow: 0, expired: 0, except: 0, bus: 0 };
  /** Ended connections by close code. */
  readonly closes = new Map<number | typeof OTHER, number>();

  /** Counts a write to a socket. The path that nearly every flush takes adds to the numbers itself. @param bytes size of the write */
  wrote(bytes: number): void {
    this.socketWrites++;
    this.bytes += bytes;
  }

  /** Counts the publications and gaps of a batch that was written. */
  delivered({ publications, gaps }: Delivered): void {
    this.deliveries += publications;
    if (gaps !== undefined) this.told(gaps);
  }

  /** Counts gaps that were written. @param reasons reason of each */
  told(reasons: readonly (keyof Counters['gaps'])[]): void {
    for (const reason of reasons) this.gaps[reason]++;
  }

  /**
   * Counts the end of a connection.
   * @param code close code
   * @param isOurs whether the server has closed the connection
   */
  closed(code: number, isOurs: boolean): void {
    const key = isOurs || code <= LAST_STANDARD_CODE ? code : OTHER;
    this.closes.set(key, (this.closes.get(key) ?? 0) + 1);
  }
}
