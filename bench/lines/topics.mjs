/** What subscribers of a topic get that are behind: a topic each, in this order. */
export const POLICIES = ['catch-up', 'gap', 'conflate', 'disconnect'];

/** Where a client connects: the number of its line is the last segment. */
export const LINES_PATH = '/bench/:line';

const KEYS = 20; // of the topic that conflates: at 30 kbit/s one round of all keys takes 2.7 s

/** The key of a message on the topic that conflates. */
export function keyOf(seq) {
  return seq % KEYS;
}

/** The newest sequence number of each key, when `lastSeq` is the newest of all. */
export function newestOfKeys(lastSeq) {
  return Array.from({ length: Math.min(KEYS, lastSeq) }, (_, i) => lastSeq - i);
}

/** Where the client of a line connects. */
export function pathOf(line) {
  return LINES_PATH.replace(':line', String(line));
}
