import type { Transport, TransportKind } from '../../../lib/connection/transport.js';
import { JSON_PROTOCOLS, JsonProtocol } from '../../../lib/protocol/json.js';
import type { LogEntry } from '../../../lib/wire/log-entry.js';
import type { Origin, WireFormat } from '../../../lib/wire/wire-format.js';
import type { FakeSocket } from './fake-socket.js';

/** Server-sent events over a response that a test holds: a transport that writes and never reads. */
export class EventStream implements Transport {
  readyState: number = 1;
  readonly isPaused = true;
  terminations = 0;

  constructor(readonly response: FakeSocket) {}

  close(code: number, reason: string): void {
    this.response.write(Buffer.from(`event: close\ndata: ${code} ${reason}\n\n`));
    this.readyState = 3;
    this.response.end();
  }

  terminate(): void {
    this.terminations++;
    this.readyState = 3;
  }

  pause(): void {}

  resume(): void {}
}

export const eventStreamKind: TransportKind = {
  message: content => Buffer.from(`data: ${String(content)}\n\n`),
  ping: () => Buffer.from(':\n\n'),
  webSocketOf: () => undefined,
};

const textOf = ({ name, epoch }: Origin, { offset, json, gap }: LogEntry): string =>
  gap === undefined
    ? `id: ${epoch}:${offset}\nevent: ${name}\ndata: ${json}\n\n`
    : `id: ${epoch}:${offset}\nevent: gap\ndata: ${name} ${gap.from} ${gap.to} ${gap.reason}\n\n`;

const events: WireFormat = {
  single: undefined,
  deflates: undefined,
  endsAtLoss: false,
  around: ({ name, epoch }) => name.length + epoch.length + 50,
  mostForGap: ({ name, epoch }) => name.length + epoch.length + 100,
  size: (origin, entries) =>
    entries.reduce((size, entry) => size + Buffer.byteLength(textOf(origin, entry)), 0),
  write(buffer, at, origin, entries) {
    for (const entry of entries) at += buffer.write(textOf(origin, entry), at);
    return at;
  },
};

/** Our protocol, with publications as server-sent events. */
export const eventProtocol: JsonProtocol = new JsonProtocol(events, JSON_PROTOCOLS[1]!.subprotocols);

/** Events of a stream, as an EventSource has them: comments are left out. */
export function eventsIn(taken: Buffer): { id?: string; event?: string; data?: string }[] {
  const blocks = String(taken).split('\n\n').slice(0, -1);
  return blocks
    .filter(block => !block.startsWith(':'))
    .map(block => Object.fromEntries(block.split('\n').map(line => line.split(/: (.*)/s).slice(0, 2))));
}
