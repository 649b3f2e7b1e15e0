import { within } from './within.js';

/** Milliseconds that one check may take. */
const CHECK_MS = 10_000;

/** Prints one line for each check and counts the failed ones. */
export class Report {
  failed = 0;

  constructor(private readonly prefix: string) {}

  async check(name: string, run: () => Promise<unknown>): Promise<void> {
    const start = performance.now();
    try {
      await within(CHECK_MS, 'end of the check', run());
      console.log(`ok     ${this.prefix} · ${name} (${Math.round(performance.now() - start)} ms)`);
    } catch (error) {
      this.failed++;
      process.exitCode = 1;
      console.log(
        `FAILED ${this.prefix} · ${name}: ${(error as Error).message.replaceAll('\n', '\n       ')}`,
      );
    }
  }
}
