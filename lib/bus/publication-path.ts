import type { Topic } from '../topic/topic.js';
import type { EntryTerms } from '../topic/topic-log.js';

/**
 * Path of publications from `publish` to the logs of their topics. An application with one process uses `LocalPath`. A
 * bus has a path of its own. It can append at once and tell other processes. Or it lets an engine give the publication
 * its position, and appends the engine's copy by `Arrivals`.
 */
export interface PublicationPath {
  /**
   * True if publications may be for other processes. If false, a publication on a topic without a log in this process
   * goes no further, and is not encoded.
   */
  readonly leavesProcess: boolean;

  /**
   * Takes a checked publication. Must not throw, because a fault of the bus is not the publisher's.
   * @param name name of the topic
   * @param topic the topic; undefined without subscriber and history in this process, only if {@link leavesProcess}
   * @param bytes bytes of `json` in UTF-8
   */
  publish(name: string, topic: Topic | undefined, json: string, bytes: number, terms: EntryTerms): void;

  /** Called for the first subscriber of a topic in this process, before its answer. */
  opened(topic: Topic): void;

  /** Called when the last subscriber of a topic has left, once for each call of {@link opened}. */
  vacated(topic: Topic): void;
}

/** Requests the flush of a topic. */
export interface FlushRequests {
  request(topic: Topic): void;
}
