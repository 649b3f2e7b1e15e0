import type { TopicRegistry } from '../topic/topic-registry.js';
import { conflationKey } from './conflation-key.js';
import { payloadOf } from './payload.js';

/** Publications to check: see option `publishing.check`. */
export type PublicationCheck = 'development' | 'always' | 'listeners';

/** Checks publications without a subscriber, so that each throws the same error as with one. */
export class UnheardCheck {
  readonly #topics: TopicRegistry;
  readonly #maxPayload: number;
  readonly #on: boolean;

  /** @param maxPayload bytes of JSON of one publication */
  constructor(topics: TopicRegistry, maxPayload: number, check: PublicationCheck) {
    this.#topics = topics;
    this.#maxPayload = maxPayload;
    this.#on = check === 'always' || (check === 'development' && process.env['NODE_ENV'] !== 'production');
  }

  /** Checks a publication. @throws FanoutError FANOUT_PAYLOAD, FANOUT_PAYLOAD_SIZE, FANOUT_CONFLATION_KEY */
  check(topic: string, data: unknown): void {
    if (!this.#on) return;
    payloadOf(topic, data, this.#maxPayload);
    conflationKey(topic, this.#topics.policyOf(topic), data);
  }
}
