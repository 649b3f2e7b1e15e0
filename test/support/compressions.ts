import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';
import { onTestFinished } from 'vitest';

/** How often this process has compressed anything since {@link countCompressions}. */
export interface Compressions {
  /** Messages deflated at once. */
  messages: number;
  /** Compressors made to be kept, as `ws` makes one for each connection that it compresses for. */
  compressors: number;
}

/** Counts, until the test ends, what goes through zlib. */
export function countCompressions(): Compressions {
  const counts = { messages: 0, compressors: 0 };
  const { deflateRawSync, createDeflateRaw } = zlib;
  const use = (functions: Partial<typeof zlib>): void => {
    // Not by assignment: some of them are read-only.
    for (const [name, value] of Object.entries(functions)) Object.defineProperty(zlib, name, { value });
    syncBuiltinESMExports();
  };
  use({
    deflateRawSync: (...given) => {
      counts.messages++;
      return deflateRawSync(...given);
    },
    createDeflateRaw: (...given) => {
      counts.compressors++;
      return createDeflateRaw(...given);
    },
  });
  onTestFinished(() => use({ deflateRawSync, createDeflateRaw }));
  return counts;
}
