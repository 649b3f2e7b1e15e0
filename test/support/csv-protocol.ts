import type { Close } from '../../lib/errors/close-codes.js';
import { Refusal, type RefusalCode } from '../../lib/errors/refusals.js';
import type { MessageId } from '../../lib/protocol/frames.js';
import type {
  Closing,
  Command,
  EndReason,
  ErrorAnswer,
  Incoming,
  Outgoing,
  Protocol,
  Request,
  Subscribed,
} from '../../lib/protocol/protocol.js';
import { headerSize, writeBinaryHeader, writeTextHeader } from '../../lib/wire/frame.js';
import type { Gap, LogEntry } from '../../lib/wire/log-entry.js';
import type { Origin, WireFormat } from '../../lib/wire/wire-format.js';

/** Ways in which two clients of the toy protocol may differ. */
export interface CsvDialect {
  readonly subprotocol: string;
  /** Whether a gap has a line. Without it, a gap takes no bytes. */
  readonly gaps: boolean;
  /** Whether a loss ends the subscription. */
  readonly ends?: boolean;
  /** Line that the server sends in every heartbeat interval. */
  readonly ping?: string;
  /** Whether frames are binary. */
  readonly binary: boolean;
}

/** Lines of a format: one for each entry that the client is told of. Topics have a slash where ours have a dot. */
function lineOf({ gaps }: CsvDialect, { name, epoch }: Origin, entry: LogEntry): string | undefined {
  const { gap, offset, json } = entry;
  const topic = name.replaceAll('.', '/');
  if (gap === undefined) return `pub,${topic},${epoch}:${offset},${json}`;
  return gaps ? `gap,${topic},${gap.from},${gap.to},${gap.reason}` : undefined;
}

function writeFrame({ binary }: CsvDialect, buffer: Buffer, at: number, text: string): number {
  const length = Buffer.byteLength(text);
  const start = binary ? writeBinaryHeader(buffer, at, length) : writeTextHeader(buffer, at, length);
  return start + buffer.write(text, start);
}

/** A format with the frames that `framesOf` gives, as texts. */
function formatOf(
  dialect: CsvDialect,
  single: WireFormat | undefined,
  framesOf: (lines: readonly string[]) => readonly string[],
): WireFormat {
  const frames = (origin: Origin, entries: readonly LogEntry[]): readonly string[] =>
    framesOf(entries.map(entry => lineOf(dialect, origin, entry)).filter(line => line !== undefined));
  return {
    single,
    deflates: undefined,
    endsAtLoss: dialect.ends === true,
    around: ({ name, epoch }) => name.length + epoch.length + 40,
    mostForGap: ({ name }) => name.length + 64,
    size: (origin, entries) =>
      frames(origin, entries)
        .map(text => Buffer.byteLength(text))
        .reduce((size, length) => size + headerSize(length) + length, 0),
    write: (buffer, at, origin, entries) =>
      frames(origin, entries).reduce((place, text) => writeFrame(dialect, buffer, place, text), at),
  };
}

/** A batch is one frame of several lines. */
function batched(dialect: CsvDialect): WireFormat {
  const single = formatOf(dialect, undefined, lines => lines);
  return formatOf(dialect, single, lines => (lines.length === 0 ? [] : [lines.join('\n')]));
}

/** Protocol of comma-separated lines, for tests: a client may send several in one frame, and each gets a reply. */
export class CsvProtocol implements Protocol {
  readonly name = 'csv';
  readonly subprotocols: readonly string[];
  readonly closesRefused = true;
  readonly ping: string | undefined;

  constructor(
    readonly dialect: CsvDialect,
    readonly format: WireFormat = batched(dialect),
  ) {
    this.subprotocols = [dialect.subprotocol];
    this.ping = dialect.ping;
  }

  withFormat(format: WireFormat): CsvProtocol {
    return new CsvProtocol(this.dialect, format);
  }

  isAskedBy(url: string): boolean {
    return url.includes(`protocol=${this.dialect.subprotocol}`);
  }

  decode(frame: Incoming): readonly Command[] {
    return String(frame).split('\n').map(commandIn);
  }

  subscribed({ id, topic, offset, recovered, snapshot }: Subscribed): Outgoing {
    return this.#line('ok', id, `${topic.epoch}:${offset}`, recovered, JSON.stringify(snapshot));
  }

  unsubscribed(topic: string, id: MessageId | undefined, reason: EndReason): Outgoing {
    return this.#line('left', id, topic.replaceAll('.', '/'), reason);
  }

  gap(topic: Origin, { from, to, reason }: Gap, snapshot?: unknown): Outgoing | undefined {
    if (!this.dialect.gaps) return undefined;
    return this.#line('gap', topic.name.replaceAll('.', '/'), from, to, reason, JSON.stringify(snapshot));
  }

  reply({ id }: Request, value: unknown): Outgoing {
    return this.#line('reply', id, JSON.stringify(value));
  }

  complete({ id }: Request): Outgoing {
    return this.#line('done', id);
  }

  error(id: MessageId | undefined, { code, topic }: ErrorAnswer): Outgoing {
    return this.#line('error', id, code, topic?.replaceAll('.', '/'));
  }

  refusal(code: RefusalCode): Outgoing {
    return this.#line('error', undefined, code);
  }

  pong({ id }: Request): Outgoing {
    return this.#line('pong', id);
  }

  refreshed(id: MessageId | undefined, expiresAt: number | undefined): Outgoing {
    return this.#line('refreshed', id, expiresAt);
  }

  renew(expiresAt: number): Outgoing {
    return this.#line('renew', expiresAt);
  }

  event(name: string, json: string | undefined): Outgoing {
    return this.#line('event', name, json);
  }

  closing({ code, reason }: Close): Closing {
    const message = this.#line('bye', code, reason);
    return { close: { code: code >= 4500 ? 3500 : 3000, reason }, message };
  }

  #line(...fields: readonly unknown[]): Outgoing {
    const text = fields.map(field => String(field ?? '')).join(',');
    return this.dialect.binary ? Buffer.from(text) : text;
  }
}

/** Command in a line such as `subscribe,1,prices/AAPL` or `call,2,order,{"id":7}`. */
function commandIn(line: string): Command {
  const [kind, id, name, ...rest] = line.split(',');
  const request = { event: undefined, id: id === '' ? undefined : id };
  const topic = name?.replaceAll('/', '.');
  switch (kind) {
    case 'subscribe':
      return { kind, ...request, data: { topic, ...(rest[0] && { since: rest[0] }) } };
    case 'unsubscribe':
      return { kind, ...request, data: { topic } };
    case 'ping':
    case 'cancel':
      return { kind, ...request, data: undefined };
    case 'call':
      return {
        kind,
        ...request,
        event: name,
        data: rest.length > 0 ? JSON.parse(rest.join(',')) : undefined,
      };
    default:
      throw new Refusal('BAD_MESSAGE');
  }
}
