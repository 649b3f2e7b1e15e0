import { topicIndex } from '../message.mjs';

const NOBODY = new Set();

/** Who listens to which topic, as an application without this library keeps it. */
export class Subscribers {
  #byTopic = [];
  #topicsOf = new Map();

  add(topic, client) {
    const clients = (this.#byTopic[topicIndex(topic)] ??= new Set());
    clients.add(client);
    const own = this.#topicsOf.get(client);
    if (own === undefined) this.#topicsOf.set(client, [clients]);
    else own.push(clients);
  }

  /** Of a client that is gone. */
  delete(client) {
    for (const clients of this.#topicsOf.get(client) ?? []) clients.delete(client);
    this.#topicsOf.delete(client);
  }

  /** @param {number} topic its number */
  of(topic) {
    return this.#byTopic[topic] ?? NOBODY;
  }
}
