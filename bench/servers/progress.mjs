import { topicIndex } from '../message.mjs';

/** The last sequence number of each topic, by its number. */
export const lastSeqs = [];

/** The data of a peer's answer to a subscribe, which is that of fanout: one client fits them all. */
export function subscribedTo(topic) {
  return { topic, position: `bench:${lastSeqs[topicIndex(topic)] ?? 0}` };
}
