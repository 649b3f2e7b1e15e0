/** The text of one whole frame of a client. */
export function unmasked(frame) {
  const short = (frame[1] & 127) < 126;
  const mask = short ? 2 : 4;
  const payload = Buffer.from(frame.subarray(mask + 4));
  for (let i = 0; i < payload.length; i++) payload[i] ^= frame[mask + (i & 3)];
  return payload.toString();
}
