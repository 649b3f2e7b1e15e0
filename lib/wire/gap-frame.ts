import { snapshotMember } from './snapshot-member.js';

/**
 * Reason of a gap: `slow` for publications lost because the log could not wait; `expired` for publications that are out
 * of date; `except` for publications that exclude this connection; `bus` for publications lost between processes.
 */
export type GapReason = 'slow' | 'expired' | 'except' | 'bus';

/**
 * Frame that tells a client which offsets of a topic it will not receive.
 * @param snapshot state of the topic at `to`, if available. Without it the text is ASCII
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
  // Names, epochs and reasons are ASCII and need no escapes in JSON.
  const data = `"topic":"${topic}","from":${from},"to":${to},"position":"${epoch}:${to}","reason":"${reason}"`;
  return `{"event":"gap","data":{${data}${snapshotMember(topic, snapshot)}}}`;
}
