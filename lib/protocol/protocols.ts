import { deflated } from '../wire/wire-format.js';
import { JSON_PROTOCOLS } from './json.js';
import type { Protocol } from './protocol.js';

/** Token of the {@link Protocols} of an application. */
export const PROTOCOLS = Symbol('fanout:protocols');

/** Protocols of an application, and the choice between them at the handshake. Our own protocol takes every other client. */
export class Protocols {
  readonly #all: readonly Protocol[];
  readonly #deflated = new Map<Protocol, Protocol>();

  /** @param others protocols beside our own, in the order in which they are tried */
  constructor(others: readonly Protocol[] = []) {
    this.#all = [...others, ...JSON_PROTOCOLS];
    for (const protocol of this.#all)
      this.#deflated.set(protocol, protocol.withFormat(deflated(protocol.format)));
  }

  /** The subprotocol among those that a client offers that chooses a protocol; undefined when none does. */
  choice(offered: Iterable<string>): string | undefined {
    const names = new Set(offered);
    return this.#all.flatMap(({ subprotocols }) => subprotocols).find(name => names.has(name));
  }

  /**
   * The protocol of a client.
   * @param subprotocol the one that the handshake settled on; '' for none
   * @param url request target of the handshake
   */
  of(subprotocol: string, url: string): Protocol {
    const chosen = this.#all.find(({ subprotocols }) => subprotocols.includes(subprotocol));
    return chosen ?? this.#all.find(protocol => protocol.isAskedBy(url))!;
  }

  /** The same protocol for a client that can read frames deflated once for all. */
  deflated(protocol: Protocol): Protocol {
    return this.#deflated.get(protocol)!;
  }
}
