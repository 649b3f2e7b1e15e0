import { FanoutError, shown } from '../errors/fanout-error.js';

/**
 * The payload of a publication as JSON.
 * @throws FanoutError FANOUT_PAYLOAD
 */
export function serialise(topic: string, data: unknown): string {
  let json: string | undefined;
  try {
    json = JSON.stringify(data);
  } catch (error) {
    throw new FanoutError(
      'FANOUT_PAYLOAD',
      topic,
      error instanceof Error ? error.message.split('\n')[0] : shown(error),
    );
  }
  if (json === undefined) throw new FanoutError('FANOUT_PAYLOAD', topic, `${shown(data)} has no JSON form`);
  return json;
}
