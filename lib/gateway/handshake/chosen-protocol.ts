import { batchedJson } from '../../wire/json-format.js';
import { isTokenProtocol } from '../session/bearer-token.js';

/**
 * Chooses among the subprotocols that a client offers: ours, or else the first. A token in this place should not be
 * repeated, but a browser that offers nothing else insists on it.
 */
export function chosenProtocol(offered: ReadonlySet<string>): string {
  if (offered.has(batchedJson.protocol)) return batchedJson.protocol;
  const [first] = offered;
  for (const protocol of offered) if (!isTokenProtocol(protocol)) return protocol;
  return first!;
}
