import { describe, expect, it } from 'vitest';
import { Refusal, REFUSALS, type RefusalCode } from '../../../lib/errors/refusals.js';

describe('Refusal', () => {
  it('is this table: codes are API', () => {
    expect(REFUSALS).toEqual({
      BAD_MESSAGE:
        'The message must be a JSON object with an "event" string and, if any, an "id" that is a number or a short string.',
      UNKNOWN_EVENT: 'No handler for this event.',
      BAD_TOPIC: 'The message must name a valid "topic", or "topics" as an array of them.',
      UNKNOWN_TOPIC: 'There is no such topic here.',
      BAD_RATE: '"maxRate" must be a number of at least 1/60, on a topic that conflates.',
      TOO_MANY_TOPICS: 'Too many topics on one connection.',
      RATE_LIMITED: 'Too many messages.',
      TOO_MANY_STREAMS: 'Too many streams on one connection; cancel one of them.',
      BUSY: 'The server is busy; try again later.',
      BAD_TOKEN: 'The "token" must be a string of 1 to 8192 visible ASCII characters.',
      UNAUTHORIZED: 'The credentials are missing, wrong or expired.',
      FORBIDDEN: 'Forbidden resource.',
      EXCEPTION: 'The request failed.',
      SOURCE_FAILED: 'The source of the topic failed; subscribing again starts it anew.',
      INTERNAL: 'Internal error.',
    });
  });

  it.each(Object.keys(REFUSALS) as RefusalCode[])('%s carries its code, its text and its topic', code => {
    const refusal = new Refusal(code, 'clock');
    expect(refusal).toMatchObject({ code, message: REFUSALS[code], topic: 'clock', name: 'Refusal' });
  });

  it('has no stack trace, which would be most of what a refused message costs, and leaves those of others alone', () => {
    const { stackTraceLimit } = Error;
    const refusal = new Refusal('RATE_LIMITED');
    expect(refusal).toBeInstanceOf(Error);
    expect(refusal.stack).not.toContain('    at ');
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
    expect(new Error('any').stack).toContain('    at ');
  });
});
