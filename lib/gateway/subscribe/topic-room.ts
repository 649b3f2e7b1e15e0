import type { TopicRegistry } from '../../topic/topic-registry.js';
import { CountedRefusal } from '../session/counted-refusal.js';

/** Limit on the topics that clients may create. Topics created by the server are not limited here. */
export class TopicRoom {
  readonly #topics: TopicRegistry;
  readonly #limit: number;

  /** @param limit most topics in this process */
  constructor(topics: TopicRegistry, limit: number) {
    this.#topics = topics;
    this.#limit = limit;
  }

  /** Tells whether the topic exists or may be created. */
  has(name: string): boolean {
    return this.#topics.size < this.#limit || this.#topics.find(name) !== undefined;
  }

  /** Checks the limit. @throws CountedRefusal BUSY */
  assert(name: string): void {
    if (!this.has(name)) throw new CountedRefusal('BUSY', 'topics', name);
  }
}
