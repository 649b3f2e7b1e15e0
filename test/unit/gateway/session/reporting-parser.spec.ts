import { beforeEach, describe, expect, it } from 'vitest';
import { reportingParser } from '../../../../lib/gateway/session/reporting-parser.js';

let logged: unknown[];

beforeEach(() => {
  logged = [];
});

const wrapped = (parser: (data: unknown) => unknown) =>
  reportingParser(parser as never, { error: (error: unknown) => logged.push(error) } as never);

describe('reportingParser', () => {
  it('returns the message of the parser', () => {
    const message = { event: 'x', data: 1 };
    expect(wrapped(() => message)('raw')).toBe(message);
    expect(logged).toEqual([]);
  });

  it.each([null, undefined])('drops a frame for which the parser returns %s', nothing => {
    expect(wrapped(() => nothing)('raw')).toBeUndefined();
  });

  it('logs an error of the parser, and throws it', () => {
    const error = new Error('bad');
    const parse = wrapped(() => {
      throw error;
    });
    expect(() => parse('raw')).toThrow(error);
    expect(logged).toEqual([error]);
  });

  it('logs nothing for the text ping, which many parsers do not know', () => {
    const parse = wrapped(() => {
      throw new Error('bad');
    });
    expect(() => parse('ping')).toThrow('bad');
    expect(logged).toEqual([]);
  });

  it('refuses a promise, also one that rejects', async () => {
    const parse = wrapped(() => Promise.reject(new Error('late')));
    expect(() => parse('raw')).toThrow('must return the message itself; got a promise');
    expect(logged).toHaveLength(1);
    // An unhandled rejection would fail the run.
    await new Promise(resolve => setImmediate(resolve));
  });
});
