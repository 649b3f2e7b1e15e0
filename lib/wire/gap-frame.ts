import { snapshotMember } from './snapshot-member.js';

/**
 * Why publications do not come: `slow` were lost, because the log could not wait; `expired` are no longer worth sending;
 * `except` were not meant for this connection, which so misses nothing; `bus` were lost between processes.
 */
export type GapReason = 'slow' | 'expired' | 'except' | 'bus';

/**
 * What a client is told that does not get the publications `from` to `to` of a topic.
 * @param snapshot the state of the topic at `to`, if it can be had. Without it the text is ASCII
 * @throws FanoutError FANOUT_SNAPSHOT
 */
export function gapText(
  topic: string,
  epoch: string,
  from: number,
  to: number,
  reason: GapReason,
  snapshot?: unknown,
): string {
  // Names, epochs and reasons are ASCII without anything that JSON escapes.
  const data = `"topic":"${topic}","from":${from},"to":${to},"position":"${epoch}:${to}","reason":"${reason}"`;
  return `{"event":"gap","data":{${data}${snapshotMember(topic, snapshot)}}}`;
}
