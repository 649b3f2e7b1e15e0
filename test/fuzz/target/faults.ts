import type { LoggerService } from '@nestjs/common';

/** In every error that the application throws on purpose, so that the others are seen. */
export const ON_PURPOSE = 'on purpose';

/** What the library says of errors whose first ones it has logged. */
const SUMMARY = /\d+ more of these were not logged/;

/** What must not happen in the process: errors that nobody catches, and those of the library that end up in its log. */
export class Faults {
  #faults: string[] = [];

  constructor() {
    process.on('uncaughtException', error => this.#note('uncaught exception', error));
    process.on('unhandledRejection', error => this.#note('unhandled rejection', error));
    process.on('warning', warning => {
      if (warning.name !== 'ExperimentalWarning') this.#note('warning', warning);
    });
  }

  readonly logger: LoggerService = {
    log: () => {},
    warn: () => {},
    error: (...said: unknown[]) => this.#note('logged error', ...said),
    fatal: (...said: unknown[]) => this.#note('logged error', ...said),
  };

  /** Those since the last call. */
  taken(): string[] {
    const faults = this.#faults;
    this.#faults = [];
    return faults;
  }

  #note(kind: string, ...what: unknown[]): void {
    const text = what.map(part => (part instanceof Error ? part.stack : String(part))).join(' ');
    if (!text.includes(ON_PURPOSE) && !SUMMARY.test(text))
      this.#faults.push(`${kind}: ${text.slice(0, 2000)}`);
  }
}
