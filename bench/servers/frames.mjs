const FINAL_TEXT = 0x81;

/** Unmasked text frames one behind the other, in fresh memory: a slow socket may hold on to it past this turn. */
export function frames(texts) {
  const lengths = texts.map(text => Buffer.byteLength(text));
  const size = lengths.reduce((sum, length) => sum + headerLength(length) + length, 0);
  const buffer = Buffer.allocUnsafe(size);
  let at = 0;
  for (let i = 0; i < texts.length; i++) {
    at = writeHeader(buffer, at, lengths[i]);
    at += buffer.write(texts[i], at);
  }
  return buffer;
}

function headerLength(length) {
  if (length < 126) return 2;
  return length < 65_536 ? 4 : 10;
}

/** RFC 6455, 5.2. @returns where the payload begins */
function writeHeader(buffer, at, length) {
  buffer[at] = FINAL_TEXT;
  if (length < 126) {
    buffer[at + 1] = length;
    return at + 2;
  }
  if (length < 65_536) {
    buffer[at + 1] = 126;
    return buffer.writeUInt16BE(length, at + 2);
  }
  buffer[at + 1] = 127;
  return buffer.writeBigUInt64BE(BigInt(length), at + 2);
}
