import { FanoutError, shown } from '../errors/fanout-error.js';
import type { TopicPolicy } from '../topic/topic-policy.js';

/**
 * Returns the conflation key of a payload; undefined on topics that do not conflate.
 * @throws FanoutError FANOUT_CONFLATION_KEY when the application's function throws or returns no key
 */
export function conflationKey(name: string, { keyOf }: TopicPolicy, data: unknown): string | undefined {
  if (keyOf === undefined) return undefined;
  let key: unknown;
  try {
    key = keyOf(data);
  } catch (error) {
    throw new FanoutError(
      'FANOUT_CONFLATION_KEY',
      name,
      error instanceof Error ? error.message : shown(error),
    );
  }
  if (typeof key === 'string' || typeof key === 'number') return String(key);
  throw new FanoutError('FANOUT_CONFLATION_KEY', name, `it is ${shown(key)}`);
}
