import type { Moment } from './virtual-line.js';

/** One publication, as the publisher knows it. */
export interface Entry {
  readonly offset: number;
  /** Count of all publications of the run, from 1. */
  readonly seq: number;
  readonly at: number;
  /** Time from which it is stale; Infinity without a ttl. */
  readonly expires: number;
  /** Bytes of its payload as JSON. */
  readonly bytes: number;
  readonly key: string;
  readonly fill: string;
  /** The payload, where it is not the publisher's. */
  readonly json?: string;
  /** Id of the connection that does not get it. */
  readonly except: string | undefined;
}

/** Milliseconds in which publications may come into one flush: its window, and a slow one before it. */
const BURST_MS = 110;

/** What a frame has beside the payload. Bytes. */
const FRAME_BYTES = 100;

/** What was published, by topic and epoch: the truth that everything is held against. */
export class Ledger {
  seq = 0;
  /** Of all payloads. */
  bytes = 0;
  readonly #logs = new Map<string, Entry[]>();
  readonly #all: Entry[] = [];
  #moment: Moment = { at: 0, seq: 0 };

  /** Now. The same object as long as nothing moves, because each write keeps one. */
  moment(at: number): Moment {
    if (this.#moment.at !== at || this.#moment.seq !== this.seq) this.#moment = { at, seq: this.seq };
    return this.#moment;
  }

  /** The publications of a topic in one epoch, those included that are still to come; offset 1 comes first. */
  log(topic: string, epoch: string): readonly Entry[] {
    return this.#log(topic, epoch);
  }

  append(topic: string, epoch: string, entry: Entry): void {
    this.#log(topic, epoch).push(entry);
    this.#all.push(entry);
    this.bytes += entry.bytes;
    this.seq = entry.seq;
  }

  /** Most bytes that were published within a moment, of all topics, from a time on. */
  burst(from: number): number {
    let most = 0;
    let bytes = 0;
    let oldest = this.#all.length - 1;
    for (let i = oldest; i >= 0 && this.#all[i]!.at >= from - BURST_MS; i--) {
      bytes += this.#all[i]!.bytes + FRAME_BYTES;
      for (; this.#all[oldest]!.at - this.#all[i]!.at > BURST_MS; oldest--)
        bytes -= this.#all[oldest]!.bytes + FRAME_BYTES;
      most = Math.max(most, bytes);
    }
    return most;
  }

  #log(topic: string, epoch: string): Entry[] {
    const name = `${topic} ${epoch}`;
    const present = this.#logs.get(name);
    if (present !== undefined) return present;
    const log: Entry[] = [];
    this.#logs.set(name, log);
    return log;
  }
}

/** Offset of the newest publication at that moment. */
export function headAt(log: readonly Entry[], { seq }: Moment): number {
  let head = log.length;
  while (head > 0 && log[head - 1]!.seq > seq) head--;
  return head;
}

/** Bytes of the payloads after offset `since`, up to and with `to`. */
export function bytesBetween(log: readonly Entry[], since: number, to: number): number {
  let bytes = 0;
  for (let offset = since + 1; offset <= to; offset++) bytes += log[offset - 1]!.bytes;
  return bytes;
}

/** Splits `<epoch>:<offset>`. */
export function parsePosition(position: string): { readonly epoch: string; readonly offset: number } {
  const at = position.lastIndexOf(':');
  return { epoch: position.slice(0, at), offset: Number(position.slice(at + 1)) };
}
