// No imports: the client builds topics with the same functions.

/** Value that a topic can contain: a non-empty text, a finite number or a bigint. */
export type TopicValue = string | number | bigint;

/** Tells whether `value` can be in a topic. A lone surrogate has no UTF-8 form, so text with one cannot. */
export function isTopicValue(value: unknown): value is TopicValue {
  if (typeof value === 'number') return Number.isFinite(value);
  if (typeof value === 'bigint') return true;
  return typeof value === 'string' && value !== '' && !LONE_SURROGATE.test(value);
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/** Pattern of text that needs no encoding. `~` is not included, because it begins an encoded byte. */
const PLAIN = /^[A-Za-z0-9_@-]+$/;

/**
 * Pattern of parts of `encodeURIComponent`'s result to change: its `%`, characters that it does not encode but a topic
 * does, and `@`.
 */
const DIFFERENT = /%40|[%.!~*'()]/g;

/**
 * Encodes a value as one segment of a topic: each UTF-8 byte outside of `A-Z a-z 0-9 _ @ -` becomes `~` and two
 * upper-case hex digits. Different texts have different segments, and {@link decodeSegment} returns the text.
 */
export function encodeSegment(value: TopicValue): string {
  const text = String(value);
  if (PLAIN.test(text)) return text;
  return encodeURIComponent(text).replaceAll(DIFFERENT, byte => {
    if (byte === '%40') return '@';
    return byte === '%' ? '~' : `~${byte.charCodeAt(0).toString(16).toUpperCase()}`;
  });
}

/**
 * Returns the text of a segment; undefined for a segment that {@link encodeSegment} never makes, such as `~4`, `~41` (a
 * plain `A`), `~2e` (lower case) or invalid UTF-8. So a text has exactly one segment.
 */
export function decodeSegment(segment: string): string | undefined {
  if (!segment.includes('~')) return segment;
  try {
    const text = decodeURIComponent(segment.replaceAll('~', '%'));
    return encodeSegment(text) === segment ? text : undefined;
  } catch {
    return undefined;
  }
}
