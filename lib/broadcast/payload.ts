import { FanoutError } from '../errors/fanout-error.js';
import { outgoingJson } from '../json/outgoing.js';

/** Payload of a publication as JSON, with its size in UTF-8. */
export interface Payload {
  readonly json: string;
  readonly bytes: number;
}

/**
 * Encodes the payload of a publication.
 * @param most bytes of JSON that a payload may have
 * @throws FanoutError FANOUT_PAYLOAD, FANOUT_PAYLOAD_SIZE
 */
export function payloadOf(topic: string, data: unknown, most: number): Payload {
  const json = outgoingJson('FANOUT_PAYLOAD', topic, data);
  if (json === undefined) throw new FanoutError('FANOUT_PAYLOAD', topic, 'undefined has no JSON form');
  const bytes = Buffer.byteLength(json);
  if (bytes > most) throw new FanoutError('FANOUT_PAYLOAD_SIZE', most, bytes, topic);
  return { json, bytes };
}
