import { FanoutError, shown } from '../errors/fanout-error.js';
import { type Loss, lossIn } from './loss.js';

/** Codes of the errors that refuse a value, one for each way out. */
export type WayOut =
  'FANOUT_PAYLOAD' | 'FANOUT_SNAPSHOT' | 'FANOUT_REPLY' | 'FANOUT_EVENT' | 'FANOUT_PRESENCE_INFO';

/**
 * Encodes a value for clients. Every way out calls this function, so that all refuse the same values.
 * @param name the topic or event that the value is for
 * @returns undefined for undefined, and where a `toJSON()` returns undefined
 * @throws FanoutError with the given code, when JSON would lose a part of the value or has no form for it
 */
export function outgoingJson(way: WayOut, name: string, value: unknown): string | undefined {
  let json: string | undefined;
  let loss: Loss | undefined;
  try {
    json = JSON.stringify(value);
    loss = lossIn(value);
  } catch (error) {
    const refused = refusal(way, name, thrownReason(error, value));
    refused.cause = error;
    throw refused;
  }
  if (loss !== undefined) throw refusal(way, name, reasonOf(loss));
  return json;
}

function refusal(way: WayOut, name: string, reason: string): FanoutError {
  // FANOUT_EVENT is also about bad names, so its sentence has one place for name and value.
  return way === 'FANOUT_EVENT'
    ? new FanoutError(way, `of event "${name}", ${reason}`)
    : new FanoutError(way, name, reason);
}

/** V8 says on several lines where a circle is, and does not say where a BigInt is. */
function thrownReason(error: unknown, value: unknown): string {
  if (!(error instanceof Error)) return shown(error);
  const found = error.message.includes('BigInt') ? bigintIn(value) : undefined;
  return found === undefined ? error.message.replaceAll(/\s*\n\s*/g, ' ') : reasonOf(found);
}

function bigintIn(value: unknown): Loss | undefined {
  try {
    return lossIn(value);
  } catch {
    return undefined;
  }
}

function reasonOf({ path, what }: Loss): string {
  return path === '' ? what : `at ${path.startsWith('.') ? path.slice(1) : path}, ${what}`;
}
