import type { Subscription } from '../../topic/subscription.js';
import { positionOf } from '../../topic/position.js';
import { snapshotMember } from '../../wire/snapshot-member.js';
import type { MessageId } from '../session/message.js';

// Names and positions are ASCII without anything that JSON escapes, so a frame is put together around them: an object
// for `JSON.stringify` would cost more than all the rest of a subscribe.

/** What the answer to a `subscribe` says because the client asked for it. */
export interface Granted {
  /** Undefined when it did not ask to go on from a position. */
  readonly recovered?: boolean | undefined;
  /** Publications a second; undefined when it did not ask for a rate. */
  readonly maxRate?: number | undefined;
}

/** The answer to a `subscribe`. */
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

/** The answer to an `unsubscribe`, and what a client is told whom the server unsubscribes. */
export function unsubscribedText(topic: string, id?: MessageId): string {
  return `{"event":"unsubscribed",${idPart(id)}"data":{"topic":"${topic}"}}`;
}

function idPart(id: MessageId | undefined): string {
  return id === undefined ? '' : `"id":${JSON.stringify(id)},`;
}
