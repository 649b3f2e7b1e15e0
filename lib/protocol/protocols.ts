import { deflated } from '../wire/wire-format.js';
import { JSON_PROTOCOLS } from './json.js';
import type { Protocol } from './protocol.js';

/** Injection token for the {@link Protocols} of an application. */
export const PROTOCOLS = Symbol('fanout:protocols');

/** Protocols of an application, chosen at the handshake. Our own protocol serves every other client. */
export class Protocols {
  readonly #all: readonly Protocol[];
  readonly #deflated = new Map<Protocol, Protocol>();

  /** @param others protocols beside our own, in the order of their trial */
  constructor(others: readonly Protocol[] = []) {
    this.#all = [...others, ...JSON_PROTOCOLS];
    for (const protocol of this.#all)
      this.#deflated.set(protocol, protocol.withFormat(deflated(protocol.format)));
  }

  /** Returns the first offered subprotocol that selects a protocol; undefined if none does. */
  choice(offered: Iterable<string>): string | undefined {
    const names = new Set(offered);
    return this.#all.flatMap(({ subprotocols }) => subprotocols).find(name => names.has(name));
  }

  /**
   * Returns the protocol of a client.
   * @param subprotocol subprotocol chosen in the handshake; '' for none
   * @param url request target of the handshake
   */
  of(subprotocol: string, url: string): Protocol {
    const chosen = this.#all.find(({ subprotocols }) => subprotocols.includes(subprotocol));
    return chosen ?? this.#all.find(protocol => protocol.isAskedBy(url))!;
  }

  /** Returns the same protocol for a client that can read frames compressed once for all. */
  deflated(protocol: Protocol): Protocol {
    return this.#deflated.get(protocol)!;
  }
}
