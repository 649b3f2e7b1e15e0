import type { ResolvedFanoutOptions } from '../options/fanout-options.js';
import { addressGroup } from './address-group.js';

/**
 * Counts the connections of this process and of each client address, with those in their handshake. A connection has no
 * object here; its address is enough.
 */
export class AdmissionSlots {
  readonly #most: number;
  /** Most connections of one address; 0 is no limit, and then addresses are not counted. */
  readonly #mostPerIp: number;
  #taken = 0;
  readonly #byGroup = new Map<string, number>();

  constructor({
    connections,
    connectionsPerIp,
  }: Pick<ResolvedFanoutOptions['limits'], 'connections' | 'connectionsPerIp'>) {
    this.#most = connections;
    this.#mostPerIp = connectionsPerIp;
  }

  /** Number of taken slots. */
  get size(): number {
    return this.#taken;
  }

  /** Addresses that are counted. */
  get groups(): number {
    return this.#byGroup.size;
  }

  /** True if this process has no free slot. */
  get full(): boolean {
    return this.#taken >= this.#most;
  }

  /** Tells whether this client address has as many connections as allowed. */
  fullFor(ip: string): boolean {
    if (this.#mostPerIp === 0) return false;
    return (this.#byGroup.get(addressGroup(ip)) ?? 0) >= this.#mostPerIp;
  }

  take(ip: string): void {
    this.#taken++;
    if (this.#mostPerIp === 0) return;
    const group = addressGroup(ip);
    this.#byGroup.set(group, (this.#byGroup.get(group) ?? 0) + 1);
  }

  /** Frees a slot. Call it once for each {@link take}. */
  give(ip: string): void {
    this.#taken--;
    if (this.#mostPerIp === 0) return;
    const group = addressGroup(ip);
    const left = this.#byGroup.get(group)! - 1;
    if (left === 0) this.#byGroup.delete(group);
    else this.#byGroup.set(group, left);
  }
}
