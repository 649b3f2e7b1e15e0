import { outgoingJson } from '../json/outgoing.js';

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
