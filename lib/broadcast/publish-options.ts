import { FanoutError, shown } from '../errors/fanout-error.js';
import type { PublishOptions } from './broadcaster.js';

/** Longest ttl: the largest delay of a timer, 24.8 days. */
const MOST_TTL = 2 ** 31 - 1;

/** Longest idempotency key in characters. Keys are kept in memory, and a longer key is probably a payload. */
const MOST_KEY_LENGTH = 255;

/** Checked options of one publication. */
export interface PublishTerms {
  /** Id of the excluded connection. */
  readonly except: string | undefined;
  /** Milliseconds until the publication is out of date; 0 is never. */
  readonly ttl: number;
  /** Idempotency key. */
  readonly key: string | undefined;
}

/** Checks the options of a publication. @throws FanoutError FANOUT_PUBLISH_OPTION */
export function publishTerms({ except, ttl, idempotencyKey }: PublishOptions): PublishTerms {
  return {
    except: typeof except === 'object' ? except.id : except,
    ttl: ttl === undefined ? 0 : checkedTtl(ttl),
    key: idempotencyKey === undefined ? undefined : checkedKey(idempotencyKey),
  };
}

function checkedTtl(ttl: unknown): number {
  if (typeof ttl === 'number' && ttl > 0 && ttl <= MOST_TTL) return ttl;
  const range = `a number of milliseconds above 0 and up to ${MOST_TTL}`;
  throw new FanoutError('FANOUT_PUBLISH_OPTION', 'ttl', range, shown(ttl));
}

function checkedKey(key: unknown): string {
  if (typeof key === 'string' && key.length > 0 && key.length <= MOST_KEY_LENGTH) return key;
  const form = `a string of 1 to ${MOST_KEY_LENGTH} characters`;
  throw new FanoutError('FANOUT_PUBLISH_OPTION', 'idempotencyKey', form, shown(key));
}
