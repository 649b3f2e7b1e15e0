import { Logger } from '@nestjs/common';

/**
 * Logger that never throws, although the application's logger may throw. We log inside hooks, timers and socket events.
 * An error there would end the process or leave work half done.
 */
export class SteadyLogger extends Logger {
  override error(message: unknown, ...details: unknown[]): void {
    steadily(() => super.error(message, ...details));
  }

  override log(message: unknown, ...details: unknown[]): void {
    steadily(() => super.log(message, ...details));
  }

  override warn(message: unknown, ...details: unknown[]): void {
    steadily(() => super.warn(message, ...details));
  }
}

function steadily(log: () => void): void {
  try {
    log();
  } catch {
    // A failed logger has no place to report its failure.
  }
}
