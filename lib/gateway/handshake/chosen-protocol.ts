import type { Protocols } from '../../protocol/protocols.js';
import { isTokenProtocol } from '../session/bearer-token.js';

/**
 * Chooses among the subprotocols that a client offers: one that chooses a protocol, or else the first. A token in this place
 * should not be repeated, but a browser that offers nothing else insists on it.
 */
export function chosenProtocol(protocols: Protocols, offered: ReadonlySet<string>): string {
  const chosen = protocols.choice(offered);
  if (chosen !== undefined) return chosen;
  const [first] = offered;
  for (const protocol of offered) if (!isTokenProtocol(protocol)) return protocol;
  return first!;
}
