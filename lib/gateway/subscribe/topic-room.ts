import type { TopicRegistry } from '../../topic/topic-registry.js';
import { CountedRefusal } from '../session/counted-refusal.js';

/** How many topics there may be by the wish of clients. What the server asks for is not asked here. */
export class TopicRoom {
  readonly #topics: TopicRegistry;
  readonly #limit: number;

  /** @param limit topics of this process */
  constructor(topics: TopicRegistry, limit: number) {
    this.#topics = topics;
    this.#limit = limit;
  }

  /** Whether there is such a topic, or room for it. */
  has(name: string): boolean {
    return this.#topics.size < this.#limit || this.#topics.find(name) !== undefined;
  }

  /** @throws CountedRefusal BUSY */
  assert(name: string): void {
    if (!this.has(name)) throw new CountedRefusal('BUSY', 'topics', name);
  }
}
