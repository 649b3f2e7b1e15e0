import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal } from '../../../lib/errors/refusals.js';
import { jsonParser, readCommand } from '../../../lib/protocol/json-messages.js';

const read = (text: string | Buffer): unknown => readCommand(jsonParser, text);

const badMessage = expect.objectContaining({ code: 'BAD_MESSAGE', name: 'Refusal' });

describe('readCommand', () => {
  it.each([
    ['{"event":"a"}', { event: 'a', id: undefined, data: undefined }],
    ['{"event":"a","id":1,"data":[1]}', { event: 'a', id: 1, data: [1] }],
    ['{"event":"a","id":"x","data":null}', { event: 'a', id: 'x', data: null }],
    ['{"event":"a","id":null}', { event: 'a', id: undefined, data: undefined }],
    ['{"event":"","id":0}', { event: '', id: 0, data: undefined }],
    [`{"event":"a","id":"${'x'.repeat(64)}"}`, { event: 'a', id: 'x'.repeat(64), data: undefined }],
    ['{"event":"a","more":1}', { event: 'a', id: undefined, data: undefined }],
    ['{"event":"__proto__","data":{}}', { event: '__proto__', id: undefined, data: {} }],
  ])('reads %s', (text, message) => {
    expect(read(text)).toStrictEqual({ kind: 'call', ...message });
  });

  it('reads a binary frame as text', () => {
    expect(read(Buffer.from('{"event":"é"}'))).toMatchObject({ event: 'é' });
  });

  it.each([
    'null',
    'true',
    'false',
    '0',
    '1.5',
    '"event"',
    '""',
    '[]',
    '[{"event":"a"}]',
    '{}',
    '',
    ' ',
    '{',
    '{"event":"a"',
    'undefined',
    'NaN',
    "{'event':'a'}",
    '\u0000',
    '{"event":"a"}x',
    '{"event":1}',
    '{"event":null}',
    '{"event":["a"]}',
    '{"event":{"toString":"a"}}',
    '{"Event":"a"}',
    '{"event":"a","id":{}}',
    '{"event":"a","id":[]}',
    '{"event":"a","id":true}',
    '{"event":"a","id":1.5}',
    '{"event":"a","id":9007199254740992}',
    '{"event":"a","id":1e400}',
    `{"event":"a","id":"${'x'.repeat(65)}"}`,
    '{"__proto__":{"event":"a"}}',
    '{"constructor":{"prototype":{"event":"a"}}}',
  ])('refuses %s', text => {
    expect(() => read(text)).toThrow(badMessage);
  });

  it('pollutes nothing with __proto__', () => {
    const message = read('{"event":"a","data":{"__proto__":{"polluted":true}}}') as { data: object };
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
    expect(Object.keys(message.data)).toEqual(['__proto__']);
  });

  it('answers whatever comes with a message or a refusal, never with anything else', () => {
    const anything = fc.oneof(
      fc.json(),
      fc.string(),
      fc.record({ event: fc.jsonValue(), id: fc.jsonValue() }).map(value => JSON.stringify(value)),
    );
    fc.assert(
      fc.property(anything, text => {
        try {
          const message = read(text) as { event: unknown; id: unknown };
          expect(typeof message.event).toBe('string');
          expect(['string', 'number', 'undefined']).toContain(typeof message.id);
        } catch (error) {
          expect(error).toBeInstanceOf(Refusal);
        }
      }),
    );
  });

  describe('a parser of the application', () => {
    it('drops a frame when it returns nothing', () => {
      expect(readCommand(() => undefined, 'x')).toBeUndefined();
    });

    it('gets the frame as it came', () => {
      const frames: unknown[] = [];
      const parser = (frame: unknown): { event: string; data: unknown } => {
        frames.push(frame);
        return { event: 'a', data: 1 };
      };
      const binary = Buffer.from([1]);
      for (const frame of ['x', binary])
        expect(readCommand(parser, frame)).toMatchObject({ event: 'a', data: 1 });
      expect(frames).toEqual(['x', binary]);
    });

    it.each([null, 5, 'a', [], {}, { event: 5 }])('that returns %j is answered as a bad message', parsed => {
      expect(() => readCommand(() => parsed as never, 'x')).toThrow(badMessage);
    });

    it('that throws says nothing about the inside', () => {
      const parser = (): never => {
        throw new Error('secret');
      };
      expect(() => readCommand(parser, 'x')).toThrow(badMessage);
      expect(() => readCommand(parser, 'x')).not.toThrow('secret');
    });
  });
});
