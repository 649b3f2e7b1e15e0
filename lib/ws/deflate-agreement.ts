import type { PerMessageDeflateOptions } from 'ws';
import { WINDOW_BITS } from '../wire/deflate-once.js';

/**
 * Answer of `ws` to clients that offer permessage-deflate. Without context takeover no message depends on the one
 * before, so one compression serves every client. The client compresses without context takeover too, so that the
 * server keeps no window for each client.
 */
export const DEFLATE_OFFER: Readonly<PerMessageDeflateOptions> = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  // Messages of the application through the `ws` socket stay uncompressed: each client would need a compressor.
  threshold: Infinity,
  // `ws` keeps an inflater for each client that has sent a compressed message. Most messages are a subscribe, far below
  // the 16 KiB that `ws` would reserve for the output.
  zlibInflateOptions: { chunkSize: 1024 },
};

const AGREED = /^sec-websocket-extensions: *permessage-deflate *(?:;(.*))?$/i;
const SERVER_WINDOW = 'server_max_window_bits=';

/**
 * Tells from the headers of the 101 whether a client can read frames that were compressed once for all clients. Both
 * sides keep to these headers, whichever side set them.
 */
export function takesSharedFrames(headers: readonly string[]): boolean {
  const agreed = headers.map(header => AGREED.exec(header)).find(match => match !== null);
  if (agreed === undefined) return false;
  const parameters = (agreed[1] ?? '').split(';').map(parameter => parameter.trim());
  const window = parameters.find(parameter => parameter.startsWith(SERVER_WINDOW));
  const bits = window === undefined ? 15 : Number(window.slice(SERVER_WINDOW.length));
  return parameters.includes('server_no_context_takeover') && bits >= WINDOW_BITS;
}
