import type { HeartbeatPolicy } from '../../heartbeat/heartbeat-monitor.js';
import { ownKey } from './own-metadata.js';

const HEARTBEAT_METADATA = ownKey('heartbeat');

/**
 * Sets the heartbeat of one gateway's connections. Missing fields come from the option `heartbeat`. `false` turns the
 * heartbeat off. Bad values are errors at start.
 */
export function Heartbeat(policy: Partial<HeartbeatPolicy> | false): ClassDecorator {
  return target => Reflect.defineMetadata(HEARTBEAT_METADATA, policy, target);
}

export function heartbeatOf(metatype: object): Partial<HeartbeatPolicy> | false | undefined {
  return Reflect.getMetadata(HEARTBEAT_METADATA, metatype) as Partial<HeartbeatPolicy> | false | undefined;
}
