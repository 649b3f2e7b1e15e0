import type { Life } from './life.js';
import type { Remembrance } from './recovery.js';
import type { World } from './world.js';

/** What a stream is judged by. */
export interface Law extends Remembrance {
  /** Id of the connection. */
  readonly connection: string;
  /** Whether the client reads everything at once, so that what it gets shows when it was sent. */
  readonly prompt: () => boolean;
  /** When the application last asked for a flush; -Infinity when it never did. */
  readonly flushedAt: () => number;
  /** When what was written at a moment was handed over at the earliest: it may have waited until the client reads. */
  readonly handedOver: (written: number) => number;
  /** The most milliseconds that data seemed to take at any moment between the two; undefined when the server cannot know. */
  readonly lagIn: (from: number, to: number) => number | undefined;
  /** Is told of bytes that a subscription has to make up for when it begins. Everything else of the client may wait behind them. */
  readonly owes: (bytes: number) => void;
  /** Milliseconds that a publication may have taken when it is read, and that it has. */
  readonly timeOf: (published: number) => { readonly taken: number; readonly most: number };
  /** Is told what came, to be counted. */
  readonly note: (what: string) => void;
  /** Milliseconds that may lie between the beginning of a flush and a write of it. */
  readonly lateMs: () => number;
}

/** System calls between the beginning of a flush and its last write. Long messages are cut, with pings between the parts. */
const CALLS_OF_FLUSH = 120;

/** What a subscription of a life is judged by. */
export function lawOf(world: World, topic: string, life: Life): Law {
  const { ledger, settings } = world;
  return {
    ledger,
    settings,
    spec: world.specOf(topic),
    connection: life.connection.id,
    prompt: () => life.prompt,
    flushedAt: () => world.flushedAt,
    handedOver: written => life.waits.handedOver(written),
    owes: bytes => {
      life.owed += bytes;
    },
    timeOf: published => {
      const replies = life.replies.reduce((sum, size) => sum + size, 0);
      const burst = ledger.burst(life.began) + replies + life.owed;
      const most = world.stalledMs > 0 ? Infinity : (life.steady?.oldest(burst) ?? Infinity);
      return { taken: world.now - published, most };
    },
    note: what => world.tally.note(what),
    lagIn: (from, to) => world.lagOf(life, from, to),
    lateMs: () => settings.writeMs * CALLS_OF_FLUSH + world.stalledMs,
  };
}
