import type { TopicLog } from '../topic/topic-log.js';

/** Most publications of a segment: few enough that one which still grows is cheaply encoded again. */
const MOST_PUBLICATIONS = 64;

/** Bytes of payload in which a segment begins and ends: whoever has a part of it, however small, holds all of its memory. */
const STRETCH_BYTES = 128 * 1024;

/**
 * Names the segment that a publication is in. Two are in the same one when they are in the same 64 publications of the
 * topic and begin in the same 128 KiB of it. Both are counted from the topic's first publication, not from the first one
 * kept: so all readers find the same segments, whatever is dropped meanwhile.
 * @param offset of a publication that is kept
 */
export function segmentOf(log: TopicLog, offset: number): string {
  return `${log.id}/${gridOf(offset)}/${stretchOf(log, offset)}`;
}

/** Offset before the first publication kept of the segment that the one at `offset` is in. */
export function beginOf(log: TopicLog, offset: number): number {
  const stretch = stretchOf(log, offset);
  const least = Math.max(gridOf(offset) * MOST_PUBLICATIONS + 1, log.first);
  let first = offset;
  while (first > least && stretchOf(log, first - 1) === stretch) first--;
  return first - 1;
}

/** Offset of the last publication of the segment that the one at `offset` is in, and not above `to`. */
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
