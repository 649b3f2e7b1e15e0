import { gapText, type GapReason } from './gap-frame.js';
import type { LogEntry } from './log-entry.js';

/** Makes the entry for publications that are not sent, written as a gap frame. */
export function gapEntry(
  topic: string,
  epoch: string,
  from: number,
  to: number,
  reason: GapReason,
): LogEntry {
  const json = gapText(topic, epoch, from, to, reason);
  return {
    offset: to,
    json,
    bytes: json.length,
    except: undefined,
    at: 0,
    expires: 0,
    key: undefined,
    until: 0,
    gapFrom: from,
  };
}
