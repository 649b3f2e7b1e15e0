import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  ImATeapotException,
  NotFoundException,
} from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal, REFUSALS, type RefusalCode } from '../../../../lib/errors/refusals.js';
import {
  errorAnswer,
  errorFrame,
  isAnswer,
  unreadFrame,
} from '../../../../lib/gateway/session/error-frame.js';
import { GuardRefusal } from '../../../../lib/gateway/nest/guard-refusal.js';
import { jsonParser, type MessageId, readMessage } from '../../../../lib/gateway/session/message.js';

function fail(): never {
  throw new Error('odd');
}

describe('unreadFrame', () => {
  it.each(Object.keys(REFUSALS) as RefusalCode[])(
    'of %s is the frame of a refusal without id and topic',
    code => {
      expect(unreadFrame(code)).toBe(errorFrame(undefined, errorAnswer(new Refusal(code))));
    },
  );
});

describe('errorAnswer', () => {
  it.each([
    [new Refusal('RATE_LIMITED'), 'RATE_LIMITED', REFUSALS.RATE_LIMITED],
    [new GuardRefusal(), 'FORBIDDEN', 'Forbidden resource.'],
    [new NotFoundException('no such order'), 'NOT_FOUND', 'no such order'],
    [new ForbiddenException(), 'FORBIDDEN', 'Forbidden'],
    [new ImATeapotException(), 'I_AM_A_TEAPOT', "I'm a teapot"],
    [
      new BadRequestException(['a must be a string', 'b is missing']),
      'BAD_REQUEST',
      'a must be a string; b is missing',
    ],
    [new HttpException('odd', 599), 'EXCEPTION', 'odd'],
    [new HttpException({ error: 'x' }, 409), 'CONFLICT', 'Http Exception'],
    [new WsException('no'), 'EXCEPTION', 'no'],
    [new WsException({ code: 'SOLD_OUT', message: 'gone' }), 'SOLD_OUT', 'gone'],
    [new WsException({ toJSON: () => ({ code: 'SOLD_OUT', message: 'gone' }) }), 'SOLD_OUT', 'gone'],
    [new WsException({ message: 'kept', toJSON: () => ({ sku: 'A' }) }), 'EXCEPTION', 'kept'],
    [new WsException({ message: 'kept', toJSON: () => fail() }), 'EXCEPTION', 'kept'],
    [new WsException({ code: 5, message: 6 }), 'EXCEPTION', REFUSALS.EXCEPTION],
    [new WsException({ code: 'X'.repeat(65) }), 'EXCEPTION', REFUSALS.EXCEPTION],
  ])('of %s is %s', (error, code, message) => {
    expect(errorAnswer(error)).toMatchObject({ code, message });
    expect(isAnswer(error)).toBe(true);
  });

  it('carries the topic of a refusal', () => {
    expect(errorAnswer(new Refusal('UNKNOWN_TOPIC', 'a.b')).topic).toBe('a.b');
  });

  it.each([new Error('SELECT * FROM users'), new TypeError('x'), 'text', undefined, null, { code: 'X' }])(
    'says nothing about %s, which is nobody’s answer',
    error => {
      expect(errorAnswer(error)).toEqual({ code: 'INTERNAL', message: 'Internal error.' });
      expect(isAnswer(error)).toBe(false);
    },
  );
});

describe('errorFrame', () => {
  it('is the frame of the protocol, without what there is not', () => {
    expect(errorFrame(3, { code: 'FORBIDDEN', message: 'no', topic: 'a' })).toBe(
      '{"event":"error","id":3,"data":{"code":"FORBIDDEN","message":"no","topic":"a"}}',
    );
    expect(errorFrame(undefined, { code: 'FORBIDDEN', message: 'no' })).toBe(
      '{"event":"error","data":{"code":"FORBIDDEN","message":"no"}}',
    );
  });

  it('leaves a message alone that fits, and cuts one that does not', () => {
    const fits = 'x'.repeat(400);
    expect(JSON.parse(errorFrame(1, { code: 'C', message: fits })).data.message).toBe(fits);
    const cut = JSON.parse(errorFrame(1, { code: 'C', message: 'y'.repeat(10_000) })).data.message as string;
    expect(cut).toMatch(/^y{100,500}…$/);
  });

  // Random texts of 3,000 characters take a while to make.
  describe('is at most 512 bytes', { timeout: 60_000 }, () => {
    const character = fc.constantFrom('x', '"', '\\', '\n', '\u0000', 'é', '漢', '😀', '\ud800', '\u2028');
    const text = (maxLength: number): fc.Arbitrary<string> =>
      fc.oneof(
        fc.string({ unit: 'binary', maxLength, size: 'max' }),
        fc.tuple(character, fc.nat(maxLength)).map(([of, count]) => of.repeat(count).slice(0, maxLength)),
      );
    const topic = fc.option(
      fc.integer({ min: 1, max: 255 }).map(length => 't'.repeat(length)),
      { nil: undefined },
    );
    const code = fc.constantFrom(...(Object.keys(REFUSALS) as RefusalCode[]));

    /** An id as it comes through the door: whatever readMessage takes. */
    function idOf(given: unknown): MessageId | undefined {
      try {
        return readMessage(jsonParser, JSON.stringify({ event: 'a', id: given }))!.id;
      } catch {
        return undefined;
      }
    }

    it('whatever the message is', () => {
      fc.assert(
        fc.property(text(3000), topic, code, (message, name, refusal) => {
          const frame = errorFrame(1, { code: refusal, message, topic: name });
          expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(512);
          const { data } = JSON.parse(frame) as { data: { message: string } };
          expect(data).toMatchObject({ code: refusal });
          expect(data.message === message || data.message.endsWith('…')).toBe(true);
        }),
      );
    });

    it('whatever id and code a client and an application choose', () => {
      const id = fc.oneof(text(70), fc.integer());
      fc.assert(
        fc.property(text(3000), topic, id, text(70), (message, name, given, chosen) => {
          const { code: taken } = errorAnswer(new WsException({ code: chosen, message }));
          const frame = errorFrame(idOf(given), { code: taken, message, topic: name });
          expect(Buffer.byteLength(frame)).toBeLessThanOrEqual(512);
        }),
        // Each alone fits; JSON writes such a character as six.
        {
          examples: [
            ['', undefined, '\u0000'.repeat(64), '\u0000'.repeat(64)],
            ['x', 't'.repeat(255), '\u0000'.repeat(64), 'C'.repeat(64)],
          ],
        },
      );
    });
  });
});
