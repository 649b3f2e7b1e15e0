import { outgoingJson } from '../json/outgoing.js';
import type { Gap } from '../wire/log-entry.js';
import type { Origin } from '../wire/wire-format.js';

/**
 * Frame that tells a client which offsets of a topic it will not receive.
 * @param snapshot state of the topic at `to`, if available. Without it the text is ASCII
 * @throws FanoutError FANOUT_SNAPSHOT
 */
export function gapText({ name, epoch }: Origin, { from, to, reason }: Gap, snapshot?: unknown): string {
  // Names, epochs and reasons are ASCII and need no escapes in JSON.
  const data = `"topic":"${name}","from":${from},"to":${to},"position":"${epoch}:${to}","reason":"${reason}"`;
  return `{"event":"gap","data":{${data}${snapshotMember(name, snapshot)}}}`;
}

/**
 * Encodes a snapshot as the last member of an object, with a comma before it; '' without a snapshot, or when its `toJSON()`
 * returns undefined.
 * @throws FanoutError FANOUT_SNAPSHOT
 */
export function snapshotMember(topic: string, snapshot: unknown): string {
  if (snapshot === undefined) return '';
  const json = outgoingJson('FANOUT_SNAPSHOT', topic, snapshot);
  return json === undefined ? '' : `,"snapshot":${json}`;
}
