import { positionOf, type Subscription } from '../topic/topic.js';
import type { MessageId } from './message.js';

// Names and positions are ASCII without anything that JSON escapes, so a frame is put together around them: an object
// for `JSON.stringify` would cost more than all the rest of a subscribe.

/** The answer to a `subscribe`. @param recovered undefined when the client did not ask to go on from a position */
export function subscribedText(
  { topic: { name, log }, cursor }: Subscription,
  id: MessageId | undefined,
  recovered: boolean | undefined,
  snapshot: unknown,
): string {
  const data = `"topic":"${name}","position":"${positionOf(log.epoch, cursor)}"`;
  const asked = recovered === undefined ? '' : `,"recovered":${recovered}`;
  return `{"event":"subscribed",${idPart(id)}"data":{${data}${asked}${snapshotPart(snapshot)}}}`;
}

/** The answer to an `unsubscribe`, and what a client is told whom the server unsubscribes. */
export function unsubscribedText(topic: string, id?: MessageId): string {
  return `{"event":"unsubscribed",${idPart(id)}"data":{"topic":"${topic}"}}`;
}

/** What a client is told that has missed the publications `from` to `to`. */
export function gapText({ topic: { name, log } }: Subscription, from: number, to: number): string {
  const position = positionOf(log.epoch, to);
  return `{"event":"gap","data":{"topic":"${name}","from":${from},"to":${to},"position":"${position}"}}`;
}

function idPart(id: MessageId | undefined): string {
  return id === undefined ? '' : `"id":${JSON.stringify(id)},`;
}

/** As a property of an object, so that its `toJSON` is told its name, and what has no JSON form is left out. */
function snapshotPart(snapshot: unknown): string {
  if (snapshot === undefined) return '';
  const json = JSON.stringify({ snapshot });
  return json === '{}' ? '' : `,${json.slice(1, -1)}`;
}
