import type { Subscription } from '../../topic/subscription.js';
import { positionOf } from '../../topic/position.js';
import { snapshotMember } from '../../wire/snapshot-member.js';
import type { MessageId } from '../session/message.js';

// Text of the answers to `subscribe` and `unsubscribe`. Names and positions are ASCII and need no escapes in JSON, so
// the frame is built around them. An object for `JSON.stringify` would cost more than the rest of a subscribe.

/** Fields of the answer to a `subscribe` that the client asked for. */
export interface Granted {
  /** True if nothing was lost since the position; undefined if the client gave no position. */
  readonly recovered?: boolean | undefined;
  /** Publications per second; undefined if the client asked for no rate. */
  readonly maxRate?: number | undefined;
}

/** Makes the answer to a `subscribe`. */
export function subscribedText(
  { topic: { name, log }, cursor }: Subscription,
  id: MessageId | undefined,
  { recovered, maxRate }: Granted,
  snapshot: unknown,
): string {
  const data = `"topic":"${name}","position":"${positionOf(log.epoch, cursor)}"`;
  const asked =
    (recovered === undefined ? '' : `,"recovered":${recovered}`) +
    (maxRate === undefined ? '' : `,"maxRate":${maxRate}`);
  return `{"event":"subscribed",${idPart(id)}"data":{${data}${asked}${snapshotMember(name, snapshot)}}}`;
}

/** Makes the answer to an `unsubscribe`; without `id`, the frame for a client that the server unsubscribes. */
export function unsubscribedText(topic: string, id?: MessageId): string {
  return `{"event":"unsubscribed",${idPart(id)}"data":{"topic":"${topic}"}}`;
}

function idPart(id: MessageId | undefined): string {
  return id === undefined ? '' : `"id":${JSON.stringify(id)},`;
}
