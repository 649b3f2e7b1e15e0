import type { LatestByKey } from './latest-by-key.js';
import type { TopicLog } from './topic-log.js';
import type { TopicPolicy } from './topic-policy.js';

/** Counts bytes that are kept for somebody, of all topics together. */
export interface ByteLedger {
  readonly exceeded: boolean;
  /** @param bytes negative for what is given back */
  add(bytes: number): void;
}

/** Part of a topic that decides what its log still needs. */
export interface RetainedTopic {
  readonly log: TopicLog;
  readonly latest: LatestByKey | undefined;
  readonly policy: TopicPolicy;
  readonly lane: { readonly interval: number; readonly settled: number };
  readonly lanes: Iterable<{ readonly settled: number }>;
  readonly held: ReadonlySet<{ readonly cursor: number }>;
  readonly behind: ReadonlySet<{ readonly cursor: number }>;
  /** Bytes of the history that {@link Retention} has counted. */
  historyBytes: number;
  /** Bytes of the backlog that {@link Retention} has counted. */
  backlogBytes: number;
  ended: boolean;
}

/** What an entry of a log takes beside its payload. */
const ENTRY_BYTES = 128;

/** What a topic takes that is there for its history. */
const TOPIC_BYTES = 1024;

/** A publication counts as so many bytes at least where the backlog is bounded, or tiny ones would be without number. */
const LEAST_BYTES = 16;

/**
 * Decides what topics keep: what is not flushed, the history, and for those who wait or are behind as much as the limits
 * allow. One object for all topics.
 */
export class Retention {
  readonly #history: ByteLedger;
  readonly #backlog: ByteLedger;
  readonly #forgetIdle: (publishing: RetainedTopic) => void;

  /**
   * @param backlogLimit bytes of one topic kept for those who wait or are behind, beside its history
   * @param forgetIdle called when the histories together are too large: ends topics without listeners but for the given one
   */
  constructor(
    readonly backlogLimit: number,
    history: ByteLedger,
    backlog: ByteLedger,
    forgetIdle: (publishing: RetainedTopic) => void,
  ) {
    this.#history = history;
    this.#backlog = backlog;
    this.#forgetIdle = forgetIdle;
  }

  /** Forgets what nobody needs any more. */
  trim(topic: RetainedTopic, now: number): void {
    const { log, latest, policy } = topic;
    // A flush may be under way that began before the end.
    if (topic.ended) return;
    log.forget(policy.history, now);
    this.#drop(topic);
    if (latest !== undefined && latest.size > 0) latest.settle(lowestCursor(topic));
    if (policy.history.size > 0) this.#countHistory(topic);
    this.count(topic);
  }

  /** The topic is no more. */
  release(topic: RetainedTopic): void {
    topic.ended = true;
    topic.log.dropBefore(topic.log.head + 1);
    this.#history.add(-topic.historyBytes);
    this.#backlog.add(-topic.backlogBytes);
    topic.historyBytes = topic.backlogBytes = 0;
  }

  #drop(topic: RetainedTopic): void {
    topic.log.dropBefore(Math.min(this.#needed(topic), topic.log.remembered));
  }

  /** The oldest offset that somebody who listens still needs of the log. */
  #needed(topic: RetainedTopic): number {
    const { log, lane } = topic;
    // Where only the newest counts, it is kept beside the log.
    const unsettled = lane.interval > 0 ? log.head + 1 : lane.settled + 1;
    if (topic.held.size === 0 && topic.behind.size === 0) return unsettled;
    const waiting = lowestInLog(topic) + 1;
    return waiting >= unsettled
      ? unsettled
      : Math.min(unsettled, Math.max(waiting, this.#oldestOfBacklog(topic)));
  }

  #oldestOfBacklog({ log }: RetainedTopic): number {
    return Math.max(log.firstWithin(this.backlogLimit), log.head + 1 - this.backlogLimit / LEAST_BYTES);
  }

  #countHistory(topic: RetainedTopic): void {
    this.#history.add(historyOf(topic) - topic.historyBytes);
    topic.historyBytes = historyOf(topic);
    if (!this.#history.exceeded) return;
    this.#forgetIdle(topic);
    // Who publishes gives way, so that one topic never takes from another what that one has.
    while (this.#history.exceeded && topic.log.remembered <= topic.log.head) {
      topic.log.forgetOldest();
      this.#history.add(historyOf(topic) - topic.historyBytes);
      topic.historyBytes = historyOf(topic);
    }
    this.#drop(topic);
  }

  /** Counts what a topic keeps for those who are behind, without a look at what could go. */
  count(topic: RetainedTopic): void {
    const bytes = backlogOf(topic);
    if (bytes === topic.backlogBytes) return;
    const change = bytes - topic.backlogBytes;
    topic.backlogBytes = bytes;
    this.#backlog.add(change);
  }
}

function historyOf({ log }: RetainedTopic): number {
  if (log.remembered > log.head) return 0;
  return TOPIC_BYTES + log.bytesAfter(log.remembered - 1) + (log.head - log.remembered + 1) * ENTRY_BYTES;
}

/** What is kept for those who are behind. For those whose handler is still running nobody can be made to pay. */
function backlogOf({ log, latest, behind }: RetainedTopic): number {
  if (behind.size === 0) return 0;
  const kept = log.bytes - log.bytesAfter(log.remembered - 1);
  const newest = latest === undefined ? 0 : latest.bytes + latest.size * ENTRY_BYTES;
  return kept + (log.remembered - log.first) * ENTRY_BYTES + newest;
}

function lowestCursor(topic: RetainedTopic): number {
  let lowest = lowestWaiting(topic);
  for (const { settled } of topic.lanes) lowest = Math.min(lowest, settled);
  return lowest;
}

/**
 * Lowest cursor of those who wait or are behind and need the log itself. On a topic that conflates they are those who came
 * back from further than what is kept beside the log, where the history still had it.
 */
function lowestInLog(topic: RetainedTopic): number {
  const { log, latest } = topic;
  const lowest = lowestWaiting(topic);
  if (latest === undefined) return lowest;
  return Math.max(lowest, log.first - 1) < latest.reach ? lowest : log.head;
}

function lowestWaiting({ log, held, behind }: RetainedTopic): number {
  let lowest = log.head;
  for (const { cursor } of held) lowest = Math.min(lowest, cursor);
  for (const { cursor } of behind) lowest = Math.min(lowest, cursor);
  return lowest;
}
