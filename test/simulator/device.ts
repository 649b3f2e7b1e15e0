import type { Life, Memory } from './life.js';
import type { ClientSpec, Network } from './scenario.js';

/** A client over all its connections. */
export interface Device {
  readonly index: number;
  readonly spec: ClientSpec;
  network: Network;
  /** The connection it has, if it has one. */
  life: Life | undefined;
  readonly memory: Memory;
  /** Topics it wants to be subscribed to, with the rate it asks for. */
  readonly wanted: Map<string, number | undefined>;
}
