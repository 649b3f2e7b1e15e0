import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Endpoint } from './endpoint.js';

/** An upgrade request on its way in. */
export interface Arrival {
  readonly endpoint: Endpoint;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  readonly head: Buffer;
  /** True address of the client, by the option `trustProxy`. */
  readonly ip: string;
  readonly params: Readonly<Record<string, string>>;
}

/** What the handshake guards found out about who arrives. */
export interface Credentials {
  readonly user: unknown;
  /** Milliseconds since the epoch; undefined when they do not expire. */
  readonly expiresAt: number | undefined;
}

/** Asks the handshake guards of an endpoint about who arrives. */
export interface HandshakeCheck {
  /**
   * Undefined where the endpoint has no guards. Rejects with an `UpgradeRefusal`. The deadline is not its business:
   * whoever asks has one.
   */
  check(arrival: Arrival): Promise<Credentials> | undefined;
}
