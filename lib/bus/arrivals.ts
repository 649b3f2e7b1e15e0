import type { EntryTerms } from '../topic/topic-log.js';
import type { Appended, GivenPosition, TopicRegistry } from '../topic/topic-registry.js';
import type { FlushRequests } from './publication-path.js';

/** Appends publications whose position comes from an engine. */
export class Arrivals {
  readonly #topics: TopicRegistry;
  readonly #flushes: FlushRequests;

  constructor(topics: TopicRegistry, flushes: FlushRequests) {
    this.#topics = topics;
    this.#flushes = flushes;
  }

  /**
   * Appends a publication at its position, and requests a flush. Subscribers are told about missing publications before
   * it.
   * @param bytes bytes of `json` in UTF-8
   * @throws FanoutError FANOUT_TOPIC_NAME
   */
  append(name: string, position: GivenPosition, json: string, bytes: number, terms: EntryTerms): Appended {
    const outcome = this.#topics.appendAt(name, position, json, bytes, terms);
    if (outcome === 'appended') this.#flushes.request(this.#topics.find(name)!);
    return outcome;
  }
}
