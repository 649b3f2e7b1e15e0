import type { Topic } from '../topic/topic.js';
import type { EntryTerms } from '../topic/topic-log.js';
import type { FlushRequests, PublicationPath } from './publication-path.js';

/** Path of publications that stay in their process: straight to the log. */
export class LocalPath implements PublicationPath {
  readonly leavesProcess = false;
  readonly #flushes: FlushRequests;

  constructor(flushes: FlushRequests) {
    this.#flushes = flushes;
  }

  publish(_name: string, topic: Topic | undefined, json: string, bytes: number, terms: EntryTerms): void {
    if (topic === undefined) return;
    topic.append(json, bytes, terms);
    this.#flushes.request(topic);
  }

  /** Does nothing, because no other process needs to know. */
  opened(): void {}

  /** Does nothing, because no other process needs to know. */
  vacated(): void {}
}
