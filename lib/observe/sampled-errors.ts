import { Sample } from './sample.js';

/** Log for errors, such as a Nest logger. */
export interface ErrorLog {
  error(error: unknown, ...details: unknown[]): void;
}

/** Kinds that are told apart. A program fails in few places; more are texts that somebody makes up. */
const MOST_KINDS = 100;
const OTHERS = 'errors of other kinds';

/**
 * A log of errors that clients can bring about: a message that makes a handler throw must not fill the disk. Of each
 * kind the first few of a minute are logged as they are, with their stack, and the others counted. A kind is where an
 * error was thrown, so the first of one that was not seen before is always logged.
 */
export class SampledErrors implements ErrorLog {
  readonly #samples = new Map<string, Sample>();
  readonly #now: () => number;
  readonly #log: ErrorLog;

  /** @param now milliseconds of any clock that does not go back */
  constructor(now: () => number, log: ErrorLog) {
    this.#now = now;
    this.#log = log;
  }

  error(error: unknown, ...details: unknown[]): void {
    if (this.#sampleOf(kindOf(error)).take()) this.#log.error(error, ...details);
  }

  #sampleOf(kind: string): Sample {
    const now = this.#now();
    const sample = this.#samples.get(kind);
    if (sample?.isOver(now) === false) return sample;
    if (sample !== undefined) this.#end(kind, sample);
    else if (this.#samples.size >= MOST_KINDS) {
      for (const [old, other] of this.#samples) if (other.isOver(now)) this.#end(old, other);
      if (this.#samples.size >= MOST_KINDS && kind !== OTHERS) return this.#sampleOf(OTHERS);
    }
    const fresh = new Sample(now);
    this.#samples.set(kind, fresh);
    return fresh;
  }

  #end(kind: string, { silent }: Sample): void {
    this.#samples.delete(kind);
    if (silent > 0) this.#log.error(`${silent} more of these were not logged: ${kind}`);
  }
}

/** The place of an error, or the sentence of an error of this library; for a text, the text without its quotations. */
function kindOf(error: unknown): string {
  try {
    if (error instanceof Error) return oneLine(codedKind(error) ?? `${error.name} ${siteOf(error)}`);
    return oneLine(textKind(error));
  } catch {
    // Properties of what is thrown may be getters that throw.
    return 'errors without a readable content';
  }
}

/**
 * The sentence of an error of this library, because all values that cannot be encoded have the same place. Topic names and
 * numbers are left out, because clients choose them.
 */
function codedKind({ message, code }: Error & { readonly code?: unknown }): string | undefined {
  if (typeof code !== 'string' || !code.startsWith('FANOUT_')) return undefined;
  return `${code}: ${message.replaceAll(/topic "[^"]*"/g, 'topic "…"').replaceAll(/\d+/g, '0')}`;
}

/** The first frame of the stack. The message stands before it, which may hold lines of a client that look like frames. */
function siteOf({ message, stack = '' }: Error): string {
  const start = stack.indexOf(message);
  const frames = start < 0 ? stack : stack.slice(start + message.length);
  return frames.split('\n', 2)[1]?.trim() ?? '';
}

function textKind(error: unknown): string {
  return typeof error === 'string' ? error.replaceAll(/"[^"]*"/g, '"…"') : `a thrown ${typeof error}`;
}

/** Nothing in it can begin a line of its own. */
function oneLine(text: string): string {
  return JSON.stringify(text.slice(0, 200)).slice(1, -1);
}
