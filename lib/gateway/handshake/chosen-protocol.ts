import { batchedJson } from '../../wire/json-format.js';
import { isTokenProtocol } from '../session/bearer-token.js';

/**
 * The subprotocol that a client is given of those it offers: ours, or else its first. A token is none that a server
 * should repeat, but a browser that offers nothing else insists on it.
 */
export function chosenProtocol(offered: ReadonlySet<string>): string {
  if (offered.has(batchedJson.protocol)) return batchedJson.protocol;
  const [first] = offered;
  for (const protocol of offered) if (!isTokenProtocol(protocol)) return protocol;
  return first!;
}
