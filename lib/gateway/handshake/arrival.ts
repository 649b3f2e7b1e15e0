import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Endpoint } from './endpoint.js';

/** Upgrade request to an endpoint. */
export interface Arrival {
  readonly endpoint: Endpoint;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** Address of the client, by the option `trustProxy`. */
  readonly ip: string;
  readonly params: Readonly<Record<string, string>>;
}

/** Results of the handshake guards about a client. */
export interface Credentials {
  readonly user: unknown;
  /** End of the credentials in milliseconds since 1970; undefined if they do not expire. */
  readonly expiresAt: number | undefined;
}

/** Asks the handshake guards of an endpoint about a client. */
export interface HandshakeCheck {
  /**
   * Returns undefined if the endpoint has no guards. Rejects with an `UpgradeRefusal`. The caller sets the deadline.
   */
  check(arrival: Arrival): Promise<Credentials> | undefined;
}
