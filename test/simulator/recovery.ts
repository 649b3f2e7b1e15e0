import { bytesBetween, type Entry, headAt, type Ledger, parsePosition } from './ledger.js';
import type { Settings, TopicSpec } from './scenario.js';
import type { Answer } from './topic-stream.js';
import type { Moment } from './virtual-line.js';
import { demand } from './violation.js';

/** What a client asked for when it subscribed. */
export interface Request {
  readonly since: string | undefined;
  readonly maxRate: number | undefined;
  readonly moment: Moment;
}

/** What says how much a server must remember. */
export interface Remembrance {
  readonly ledger: Ledger;
  readonly spec: TopicSpec;
  readonly settings: Settings;
}

/** Holds the answer to a `subscribe` against what was asked and what the server must remember. */
export function judgeAnswer(law: Remembrance, answer: Answer, asked: Request, written: Moment): void {
  const { topic, position, recovered } = answer;
  const { epoch, offset } = parsePosition(position);
  const log = law.ledger.log(topic, epoch);
  const what = (): string => `${topic} since ${asked.since}: position ${position}, recovered ${recovered}`;
  demand((recovered === undefined) === (asked.since === undefined), 'recovery', what);
  demand(offset <= headAt(log, written), 'recovery', () => `${what()}, which is in the future`);
  if (recovered === true) {
    // Before its first publication a topic may have had older epochs.
    const since = parsePosition(asked.since!);
    const isOlder =
      offset === 0 && since.offset === 0 && headAt(law.ledger.log(topic, since.epoch), written) === 0;
    demand(position === asked.since || isOlder, 'recovery', what);
  } else {
    demand(offset >= headAt(log, asked.moment), 'recovery', () => `${what()}, which is in the past`);
    if (asked.since !== undefined)
      demand(mayForget(law, topic, asked.since, epoch, written), 'recovery', what);
    if (law.spec.snapshot && asked !== undefined) {
      const head = answer.snapshot?.head ?? -1;
      demand(head >= offset, 'recovery', () => `${what()}, with a snapshot of offset ${head}`);
    }
  }
}

/** What an entry of a history counts beside its payload. */
const ENTRY_BYTES = 128;

/** What a topic with a history takes beside it; each has at least one publication. */
const TOPIC_BYTES = 1024;

/** Whether a server may have forgotten something after `since`, or the topic altogether. */
function mayForget(law: Remembrance, topic: string, since: string, epoch: string, now: Moment): boolean {
  const from = parsePosition(since);
  const { history } = law.spec;
  const own = law.ledger.log(topic, from.epoch);
  // Before its first publication a topic may have had other epochs than its log has now. No ttl is over yet.
  const isOlder = from.offset === 0 && headAt(own, now) === 0 && history.size > 0 && now.at < history.ttl;
  const log = isOlder ? law.ledger.log(topic, epoch) : own;
  const head = headAt(log, now);
  const { bytes, seq } = law.ledger;
  if (bytes + seq * (ENTRY_BYTES + TOPIC_BYTES) > law.settings.historyBudget) return true;
  const lasts = (entry: Entry | undefined): boolean =>
    history.size > 0 &&
    entry !== undefined &&
    entry.bytes <= history.bytes &&
    entry.at + history.ttl > now.at;
  if (from.epoch !== epoch && !isOlder) return !lasts(log[head - 1]);
  if (from.offset >= head) return from.offset > head;
  return (
    head - from.offset > history.size ||
    !lasts(log[from.offset]) ||
    bytesBetween(log, from.offset, head) > history.bytes
  );
}
