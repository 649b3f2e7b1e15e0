import type { Delivery } from '../../broadcast/delivery.js';
import { Refusal } from '../../errors/refusals.js';
import { isPresenceName, presenceNameOf, subjectOf } from '../../topic/topic-name.js';
import type { PresencePolicy } from '../../topic/topic-policy.js';
import { decodeSegment } from '../../topic/topic-value.js';
import type { ClientSession } from '../session/client-session.js';
import { PresenceRequest } from './presence-request.js';
import { TopicRequest, type TopicRequestDeps } from './topic-request.js';
import type { TopicRoom } from './topic-room.js';
import type { TopicSources } from './topic-sources.js';

/** Finds what a requested name stands for: a topic of the path, or the presence of a topic. */
export class TopicRequests {
  readonly #delivery: Delivery;
  readonly #deps: TopicRequestDeps;

  constructor(delivery: Delivery, sources: TopicSources, room: TopicRoom) {
    this.#delivery = delivery;
    this.#deps = { topics: delivery.topics, sources, room };
  }

  /** Makes the request for a topic; undefined if the path of the client has no such topic. */
  for(session: ClientSession, name: string): TopicRequest | undefined {
    const { topics } = session.endpoint;
    const found = topics.find(name);
    // A parameter also matches the names of presence topics, but was not written for them.
    if (isPresenceName(name) && !(found && isPresenceName(found.pattern.text)))
      return this.#forPresence(session, name);
    return found && new TopicRequest(session, name, found, this.#deps);
  }

  /** Returns the first snapshot for a client that the server subscribes: the members, if the topic is a presence. */
  snapshotOf(name: string): unknown {
    const subject = subjectOf(name);
    const policy = this.#policyOf(subject);
    return policy && this.#delivery.presence.told(subject!, policy);
  }

  /** Returns the name of the presence topic of `name`; undefined if the topic has no presence. */
  presenceOf(name: string): string | undefined {
    return this.#policyOf(name) && presenceNameOf(name);
  }

  #forPresence(session: ClientSession, name: string): PresenceRequest | undefined {
    const subject = subjectOf(name);
    const policy = this.#policyOf(subject);
    const found = policy && session.endpoint.topics.find(subject!);
    return (
      found &&
      new PresenceRequest(session, name, { name: subject!, policy, found }, this.#delivery, this.#deps)
    );
  }

  #policyOf(subject: string | undefined): PresencePolicy | undefined {
    return subject === undefined ? undefined : this.#delivery.topics.policyOf(subject).presence;
  }
}

/**
 * Makes the refusal of a name that no pattern matches. The name is misspelt, or a value in it is not encoded as by
 * `topicName()`.
 */
export function unmatched(name: string): Refusal {
  const isEncoded =
    isPresenceName(name) || name.split('.').every(segment => decodeSegment(segment) !== undefined);
  return new Refusal(isEncoded ? 'UNKNOWN_TOPIC' : 'BAD_TOPIC', name);
}
