import type { Close } from '../errors/close-codes.js';
import type { RefusalCode } from '../errors/refusals.js';
import { outgoingJson } from '../json/outgoing.js';
import type { Gap } from '../wire/log-entry.js';
import type { Origin, WireFormat } from '../wire/wire-format.js';
import type { MessageId, RenewFrame } from './frames.js';
import { errorText, unreadText } from './json-errors.js';
import { batchedJson, plainJson } from './json-formats.js';
import { gapText, snapshotMember } from './json-gap.js';
import { readCommand, TEXT_PING } from './json-messages.js';
import type {
  Closing,
  Command,
  ErrorAnswer,
  Incoming,
  MessageParser,
  Protocol,
  Request,
  Subscribed,
} from './protocol.js';

/** Subprotocol of clients that accept several publications in one frame. */
const SUBPROTOCOL = 'fanout.v1.json';

/** Our own protocol, docs/protocol.md: JSON text in the shape `{ event, data }` of Nest. */
export class JsonProtocol implements Protocol {
  readonly name = 'json';
  readonly ping = undefined;
  readonly closesRefused: boolean;

  /** @param subprotocols subprotocols that select it; empty for clients without a subprotocol */
  constructor(
    readonly format: WireFormat,
    readonly subprotocols: readonly string[],
  ) {
    this.closesRefused = subprotocols.length > 0;
  }

  withFormat(format: WireFormat): JsonProtocol {
    return new JsonProtocol(format, this.subprotocols);
  }

  /** True for every client if the protocol has no subprotocol. */
  isAskedBy(): boolean {
    return this.subprotocols.length === 0;
  }

  decode(frame: Incoming, parser: MessageParser): Command | undefined {
    return readCommand(parser, frame);
  }

  /** Builds the frame from parts. The snapshot may be large, and is encoded separately for its own error. */
  subscribed({ id, topic, offset, recovered, maxRate, snapshot }: Subscribed): string {
    const { name, epoch } = topic;
    const asked = `${member('recovered', recovered)}${member('maxRate', maxRate)}`;
    const data = `"topic":"${name}","position":"${epoch}:${offset}"${asked}${snapshotMember(name, snapshot)}`;
    return `{"event":"subscribed",${idPart(id)}"data":{${data}}}`;
  }

  unsubscribed(topic: string, id: MessageId | undefined): string {
    return `{"event":"unsubscribed",${idPart(id)}"data":{"topic":"${topic}"}}`;
  }

  gap(topic: Origin, gap: Gap, snapshot?: unknown): string {
    return gapText(topic, gap, snapshot);
  }

  /**
   * Makes the frame of a handler's result, with the id of the request. An empty result sends nothing, as under
   * `WsAdapter`.
   */
  reply({ event = '', id }: Request, value: unknown): string | undefined {
    if (value === undefined || value === null) return undefined;
    return id === undefined ? outgoingJson('FANOUT_REPLY', event, value) : answerJson(event, id, value);
  }

  complete({ id }: Request): string | undefined {
    return id === undefined ? undefined : `{"id":${JSON.stringify(id)},"event":"complete"}`;
  }

  error(id: MessageId | undefined, answer: ErrorAnswer): string {
    return errorText(id, answer);
  }

  refusal(code: RefusalCode): string {
    return unreadText(code);
  }

  pong(request: Request): string {
    if (request === TEXT_PING) return 'pong';
    return JSON.stringify({ event: 'pong', id: request.id });
  }

  refreshed(id: MessageId | undefined, expiresAt: number | undefined): string {
    return JSON.stringify({ event: 'refreshed', id, data: { expiresAt } });
  }

  renew(expiresAt: number): string {
    return JSON.stringify({ event: 'refresh', data: { expiresAt } } satisfies RenewFrame);
  }

  event(name: string, json: string | undefined): string {
    return `{"event":${JSON.stringify(name)}${json === undefined ? '' : `,"data":${json}`}}`;
  }

  closing(close: Close): Closing {
    return { close, message: undefined };
  }
}

/** Variants of our protocol. The first one that fits a client is used, and the last one fits every client. */
export const JSON_PROTOCOLS: readonly Protocol[] = [
  new JsonProtocol(batchedJson, [SUBPROTOCOL]),
  new JsonProtocol(plainJson, []),
];

function idPart(id: MessageId | undefined): string {
  return id === undefined ? '' : `"id":${JSON.stringify(id)},`;
}

function member(name: string, value: boolean | number | undefined): string {
  return value === undefined ? '' : `,"${name}":${value}`;
}

/**
 * Returns the JSON of a reply to a request with an id. A frame from the handler is used as it is; any other value gets
 * a frame.
 */
function answerJson(event: string, id: MessageId, result: {}): string | undefined {
  const isFrame = typeof result === 'object' && 'event' in result;
  if (!isFrame) return outgoingJson('FANOUT_REPLY', event, { event, id, data: result });
  // Copying the frame to add the id would cost half as much again as its JSON.
  const isPlain =
    Object.getPrototypeOf(result) === Object.prototype && !('id' in result) && !('toJSON' in result);
  if (!isPlain) return outgoingJson('FANOUT_REPLY', event, { ...result, id });
  const json = outgoingJson('FANOUT_REPLY', event, result)!;
  const part = `"id":${typeof id === 'number' ? id : JSON.stringify(id)}}`;
  return json === '{}' ? `{${part}` : `${json.slice(0, -1)},${part}`;
}
