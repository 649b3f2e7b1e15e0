import { readFileSync } from 'node:fs';
import { wsVersion } from './ws-version.cjs';

/** What the system grants this process, and what it runs with. Undefined is what cannot be known here. */
export interface ProcessFacts {
  /** Files and sockets that may be open, by the soft limit. */
  readonly openFiles: number | undefined;
  /** Longest queue of connections that wait to be accepted. */
  readonly somaxconn: number | undefined;
  /** Version of `ws`. */
  readonly ws: string | undefined;
}

/** Reads the facts; on systems without `/proc` those of the system stay unknown. */
export function collectFacts(): ProcessFacts {
  return {
    openFiles: openFilesIn(contentOf('/proc/self/limits')),
    somaxconn: wholeNumber(contentOf('/proc/sys/net/core/somaxconn')),
    ws: wsVersion(),
  };
}

/** The soft limit of open files in a text of `/proc/<pid>/limits`; infinite when there is none. */
export function openFilesIn(limits: string): number | undefined {
  const soft = /^Max open files +(\S+)/m.exec(limits)?.[1];
  return soft === 'unlimited' ? Infinity : wholeNumber(soft ?? '');
}

function wholeNumber(text: string): number | undefined {
  return /^\d+\s*$/.test(text) ? Number(text) : undefined;
}

function contentOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
