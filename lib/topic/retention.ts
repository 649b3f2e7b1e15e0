import type { LatestByKey } from './latest-by-key.js';
import type { TopicLog } from './topic-log.js';
import type { TopicPolicy } from './topic-policy.js';

/** Ledger of kept bytes, of all topics together. */
export interface ByteLedger {
  readonly exceeded: boolean;
  /** Adds bytes. @param bytes negative for released bytes */
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

/** Bytes of a log entry beside its payload. */
const ENTRY_BYTES = 128;

/** Bytes of a topic that exists only for its history. */
const TOPIC_BYTES = 1024;

/**
 * Least bytes that a publication counts in a limited backlog. Else the number of tiny publications would have no limit.
 */
const LEAST_BYTES = 16;

/**
 * Decides what topics keep: publications that are not flushed, the history, and a limited backlog for subscriptions
 * that are held or behind. One object for all topics.
 */
export class Retention {
  readonly #history: ByteLedger;
  readonly #backlog: ByteLedger;
  readonly #forgetIdle: (publishing: RetainedTopic) => void;

  /**
   * @param backlogLimit bytes of one topic kept for subscriptions that are held or behind, beside its history
   * @param forgetIdle called when the histories together are too large: ends topics without subscribers, except the
   *   given one
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

  /** Drops publications that are no longer needed. */
  trim(topic: RetainedTopic, now: number): void {
    const { log, latest, policy } = topic;
    // A flush that began before the topic ended may still be running.
    if (topic.ended) return;
    log.forget(policy.history, now);
    if (this.#keepsNothing(topic)) return log.dropBefore(topic.lane.settled + 1);
    this.#drop(topic);
    if (latest !== undefined && latest.size > 0) latest.settle(lowestCursor(topic));
    if (policy.history.size > 0) this.#countHistory(topic);
    this.count(topic);
  }

  /** Releases everything that an ended topic kept. */
  release(topic: RetainedTopic): void {
    topic.ended = true;
    topic.log.dropBefore(topic.log.head + 1);
    this.#history.add(-topic.historyBytes);
    this.#backlog.add(-topic.backlogBytes);
    topic.historyBytes = topic.backlogBytes = 0;
  }

  /** Tells whether a topic keeps only what is not flushed, as nearly every topic without history does. */
  #keepsNothing({ policy, latest, held, behind, backlogBytes }: RetainedTopic): boolean {
    return (
      policy.history.size === 0 &&
      latest === undefined &&
      held.size === 0 &&
      behind.size === 0 &&
      backlogBytes === 0
    );
  }

  #drop(topic: RetainedTopic): void {
    topic.log.dropBefore(Math.min(this.#needed(topic), topic.log.remembered));
  }

  /** Returns the oldest offset that a subscription still needs in the log. */
  #needed(topic: RetainedTopic): number {
    const { log, lane } = topic;
    // If only the newest value counts, it is kept beside the log.
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
    // The publishing topic gives way, so that no topic ever takes history from another.
    while (this.#history.exceeded && topic.log.remembered <= topic.log.head) {
      topic.log.forgetOldest();
      this.#history.add(historyOf(topic) - topic.historyBytes);
      topic.historyBytes = historyOf(topic);
    }
    this.#drop(topic);
  }

  /** Counts the backlog of a topic, without dropping anything. */
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

/**
 * Returns the bytes kept for subscriptions that are behind. Held subscriptions do not count, because no client can be
 * closed for them.
 */
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
 * Returns the lowest cursor of subscriptions that are held or behind and need the log itself. On a conflating topic
 * these are subscriptions that returned from a position which only the history still covered.
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
