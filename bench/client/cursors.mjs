import { topicName } from '../message.mjs';

/**
 * Which topics each connection has, and which offset each must get next. One table for all connections: with ten
 * thousand of them, an array each would be the client's memory and every message a miss in its cache.
 *
 * Connection `i` has `perConnection` topics in a row from number `i` on, around the end of the list: so that all topics
 * have equally many subscribers, and a topic's place in the row is told by arithmetic.
 */
export class Cursors {
  /** The offset that must come next, by slot. */
  next;
  /** Offsets less this are the server's sequence numbers, by slot. */
  base;

  /**
   * @param {{ connections: number, topics: number, perConnection: number }} audience
   * @param {{ late: boolean }} they `late`: they join when something was published already
   */
  constructor({ connections, topics, perConnection }, { late }) {
    this.late = late;
    this.topics = topics;
    this.perConnection = perConnection;
    this.next = new Float64Array(connections * perConnection);
    this.base = new Float64Array(connections * perConnection);
  }

  /** The slot of a topic for a connection, or -1 if it has no such topic. */
  slot(connection, topic) {
    let place = topic - (connection % this.topics);
    if (place < 0) place += this.topics;
    return place < this.perConnection ? connection * this.perConnection + place : -1;
  }

  /** @returns {string[]} names of the topics of a connection */
  topicsOf(connection) {
    return Array.from({ length: this.perConnection }, (_, i) => topicName((connection + i) % this.topics));
  }

  /** What the server's answer to a subscribe says: everything up to `offset` is not for this connection. */
  begin(connection, topic, offset) {
    const slot = this.slot(connection, topic);
    this.base[slot] = this.late ? NaN : offset;
    this.next[slot] = offset + 1;
  }

  /** The first publication tells a late one what offset its sequence numbers began at. @returns whether it was to be learned */
  learnBase(slot, base) {
    if (!Number.isNaN(this.base[slot])) return false;
    this.base[slot] = base;
    return true;
  }

  /** How many publications up to sequence number `lastSeq` of each topic have not come to a connection. */
  missing(connection, lastSeq) {
    let sum = 0;
    for (let slot = connection * this.perConnection, left = this.perConnection; left > 0; slot++, left--) {
      sum += Math.max(0, lastSeq - (this.next[slot] - 1 - this.base[slot]));
    }
    return sum;
  }
}
