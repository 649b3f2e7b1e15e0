import { FanoutError, shown } from '../errors/fanout-error.js';
import type { PublishOptions } from './broadcaster.js';

/** The largest delay that timers take, and far more than anybody waits for a publication: 24.8 days. */
const MOST_TTL = 2 ** 31 - 1;

/** Most characters of an idempotency key: they are kept, and a key that is longer is a payload by mistake. */
const MOST_KEY_LENGTH = 255;

/** The options of one publication, checked. */
export interface PublishTerms {
  /** Id of the connection that does not get it. */
  readonly except: string | undefined;
  /** Milliseconds; 0 is without end. */
  readonly ttl: number;
  /** Of idempotency. */
  readonly key: string | undefined;
}

/** @throws FanoutError FANOUT_PUBLISH_OPTION */
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
