import { Logger } from '@nestjs/common';

/**
 * The application's logger, which may throw: we log inside hooks, timers and socket events, where that would end the
 * process or leave work half done.
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
    // There is nowhere left to say so.
  }
}
