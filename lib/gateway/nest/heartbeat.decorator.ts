import type { HeartbeatPolicy } from '../../heartbeat/heartbeat-monitor.js';
import { ownKey } from './own-metadata.js';

const HEARTBEAT_METADATA = ownKey('heartbeat');

/**
 * The heartbeat of one gateway's connections, in place of the option `heartbeat`; what is left out comes from there.
 * `false` turns it off. Bad values are errors at start.
 */
export function Heartbeat(policy: Partial<HeartbeatPolicy> | false): ClassDecorator {
  return target => Reflect.defineMetadata(HEARTBEAT_METADATA, policy, target);
}

export function heartbeatOf(metatype: object): Partial<HeartbeatPolicy> | false | undefined {
  return Reflect.getMetadata(HEARTBEAT_METADATA, metatype) as Partial<HeartbeatPolicy> | false | undefined;
}
