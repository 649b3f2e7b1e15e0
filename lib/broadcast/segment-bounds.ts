import type { TopicLog } from '../topic/topic-log.js';

/** Most publications of a segment: few enough that a growing segment is cheap to encode again. */
const MOST_PUBLICATIONS = 64;

/** Bytes of payload within which a segment begins. A reader of any part of it keeps all its memory. */
const STRETCH_BYTES = 128 * 1024;

/**
 * Returns the name of the segment of a publication. Two publications share a segment if they are in the same 64
 * publications of the topic and begin in the same 128 KiB of it. Both are counted from the topic's first publication,
 * not from the first one kept. So all readers find the same segments, whatever is dropped meanwhile.
 * @param offset of a publication that is kept
 */
export function segmentOf(log: TopicLog, offset: number): string {
  return `${log.id}/${gridOf(offset)}/${stretchOf(log, offset)}`;
}

/** Returns the offset before the first kept publication of the segment at `offset`. */
export function beginOf(log: TopicLog, offset: number): number {
  const stretch = stretchOf(log, offset);
  const least = Math.max(gridOf(offset) * MOST_PUBLICATIONS + 1, log.first);
  let first = offset;
  while (first > least && stretchOf(log, first - 1) === stretch) first--;
  return first - 1;
}

/** Returns the offset of the last publication of the segment at `offset`, up to `to`. */
export function endOf(log: TopicLog, offset: number, to: number): number {
  const stretch = stretchOf(log, offset);
  const most = Math.min((gridOf(offset) + 1) * MOST_PUBLICATIONS, to);
  let last = offset;
  while (last < most && stretchOf(log, last + 1) === stretch) last++;
  return last;
}

function gridOf(offset: number): number {
  return Math.floor((offset - 1) / MOST_PUBLICATIONS);
}

function stretchOf(log: TopicLog, offset: number): number {
  const { until, bytes } = log.at(offset);
  return Math.floor((until - bytes) / STRETCH_BYTES);
}
