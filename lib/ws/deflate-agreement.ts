import type { PerMessageDeflateOptions } from 'ws';
import { WINDOW_BITS } from '../wire/deflate-once.js';

/**
 * The answer of `ws` to clients that offer permessage-deflate. Without context takeover no message depends on the one before,
 * so one compression serves every client. The same is asked of the client, so that the server keeps no window for each client.
 */
export const DEFLATE_OFFER: Readonly<PerMessageDeflateOptions> = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
  // Messages that the application sends through the `ws` socket stay plain: each client would need a compressor.
  threshold: Infinity,
  // `ws` keeps an inflater for each client that has sent a compressed message. Most messages are a subscribe, far below
  // the 16 KiB that `ws` would reserve for the output.
  zlibInflateOptions: { chunkSize: 1024 },
};

const AGREED = /^sec-websocket-extensions: *permessage-deflate *(?:;(.*))?$/i;
const SERVER_WINDOW = 'server_max_window_bits=';

/**
 * Whether a client can read frames that were deflated once for all clients. The headers of its 101 answer tell: both sides keep
 * to them, whoever negotiated them.
 */
export function takesSharedFrames(headers: readonly string[]): boolean {
  const agreed = headers.map(header => AGREED.exec(header)).find(match => match !== null);
  if (agreed === undefined) return false;
  const parameters = (agreed[1] ?? '').split(';').map(parameter => parameter.trim());
  const window = parameters.find(parameter => parameter.startsWith(SERVER_WINDOW));
  const bits = window === undefined ? 15 : Number(window.slice(SERVER_WINDOW.length));
  return parameters.includes('server_no_context_takeover') && bits >= WINDOW_BITS;
}
