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

/** Knows what is behind the name that a client asks for: a topic of its path, or the presence of one. */
export class TopicRequests {
  readonly #delivery: Delivery;
  readonly #deps: TopicRequestDeps;

  constructor(delivery: Delivery, sources: TopicSources, room: TopicRoom) {
    this.#delivery = delivery;
    this.#deps = { topics: delivery.topics, sources, room };
  }

  /** The request for a topic; undefined when there is no such topic on the path of the client. */
  for(session: ClientSession, name: string): TopicRequest | undefined {
    const { topics } = session.endpoint;
    const found = topics.find(name);
    // A parameter matches the name of a presence, but nobody who wrote it had that in mind.
    if (isPresenceName(name) && !(found && isPresenceName(found.pattern.text)))
      return this.#forPresence(session, name);
    return found && new TopicRequest(session, name, found, this.#deps);
  }

  /** What a client that the server subscribes is told at first: who is there, if the topic is a presence. */
  snapshotOf(name: string): unknown {
    const subject = subjectOf(name);
    const policy = this.#policyOf(subject);
    return policy && this.#delivery.presence.told(subject!, policy);
  }

  /** The name of the topic that tells who is subscribed to `name`; undefined when none does. */
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

/** The refusal of a name that no pattern matches: misspelt, or with a value that is not encoded as `topicName()` does. */
export function unmatched(name: string): Refusal {
  const isEncoded =
    isPresenceName(name) || name.split('.').every(segment => decodeSegment(segment) !== undefined);
  return new Refusal(isEncoded ? 'UNKNOWN_TOPIC' : 'BAD_TOPIC', name);
}
