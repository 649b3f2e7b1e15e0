import { Logger } from '@nestjs/common';
import { afterEach, describe, expect, it } from 'vitest';
import { SteadyLogger } from '../../../../lib/gateway/nest/steady-logger.js';

afterEach(() => Logger.overrideLogger(false));

describe('SteadyLogger', () => {
  it('writes to the logger of the application', () => {
    const lines: unknown[] = [];
    const write =
      (level: string) =>
      (...args: unknown[]): void =>
        void lines.push([level, ...args]);
    Logger.overrideLogger({ log: write('log'), warn: write('warn'), error: write('error') });
    const logger = new SteadyLogger('Fanout');
    logger.log('a');
    logger.warn('b');
    logger.error('c', 'stack');
    expect(lines).toEqual([
      ['log', 'a', 'Fanout'],
      ['warn', 'b', 'Fanout'],
      ['error', 'c', 'stack', 'Fanout'],
    ]);
  });

  it.each(['log', 'warn', 'error'] as const)('survives a logger whose %s throws', level => {
    const fail = (): never => {
      throw new Error('the log is full');
    };
    Logger.overrideLogger({ log: fail, warn: fail, error: fail });
    expect(() => new SteadyLogger('Fanout')[level]('a')).not.toThrow();
  });
});
