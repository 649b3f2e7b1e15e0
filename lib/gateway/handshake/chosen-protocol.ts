import type { IncomingMessage } from 'node:http';
import type { WebSocket } from 'ws';
import type { Protocol } from '../../protocol/protocol.js';
import type { Protocols } from '../../protocol/protocols.js';
import { takesSharedFrames } from '../../ws/deflate-agreement.js';
import { isTokenProtocol } from '../session/bearer-token.js';

/**
 * Chooses among the subprotocols that a client offers: one that selects a protocol, or else the first. A token in this place
 * should not be repeated, but a browser that offers nothing else insists on it.
 */
export function chosenProtocol(protocols: Protocols, offered: ReadonlySet<string>): string {
  const chosen = protocols.choice(offered);
  if (chosen !== undefined) return chosen;
  const [first] = offered;
  for (const protocol of offered) if (!isTokenProtocol(protocol)) return protocol;
  return first!;
}

/** Results of handshakes: the protocol of each connection, compressed or not. */
export class Negotiation {
  readonly #protocols: Protocols;
  /** Requests of clients that read frames deflated once for all. */
  readonly #deflating = new WeakSet<IncomingMessage>();

  constructor(protocols: Protocols) {
    this.#protocols = protocols;
  }

  /** Option `handleProtocols` of a `ws` server. */
  readonly choose = (offered: Set<string>): string => chosenProtocol(this.#protocols, offered);

  /** Listener for the headers of each 101, called by `ws` before they are sent. */
  readonly note = (headers: readonly string[], request: IncomingMessage): void => {
    if (takesSharedFrames(headers)) this.#deflating.add(request);
  };

  /** Returns the protocol of a client after its handshake. */
  protocolOf(client: WebSocket, request: IncomingMessage): Protocol {
    const protocol = this.#protocols.of(client.protocol, request.url ?? '/');
    return this.#deflating.has(request) ? this.#protocols.deflated(protocol) : protocol;
  }
}
