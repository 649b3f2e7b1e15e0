import { masked } from '../raw-client.js';

/** First bytes of fragments: of a text message, and of what follows; neither is the last. */
const TEXT = 0x01;
const MORE = 0x00;

/** A message that never ends, of so many fragments. */
export function unfinished(fragments: number, content: Buffer = Buffer.from('x')): Buffer {
  const more = Array.from({ length: fragments - 1 }, () => masked(MORE, content));
  return Buffer.concat([masked(TEXT, content), ...more]);
}
