import { WsException } from '@nestjs/websockets';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Refusal, REFUSALS, type RefusalCode } from '../../../lib/errors/refusals.js';
import { errorAnswer } from '../../../lib/gateway/session/error-answer.js';
import type { MessageId } from '../../../lib/protocol/frames.js';
import { errorText, unreadText } from '../../../lib/protocol/json-errors.js';
import { jsonParser, readCommand } from '../../../lib/protocol/json-messages.js';

describe('unreadText', () => {
  it.each(Object.keys(REFUSALS) as RefusalCode[])(
    'of %s is the frame of a refusal without id and topic',
    code => {
      expect(unreadText(code)).toBe(errorText(undefined, errorAnswer(new Refusal(code))));
    },
  );
});

describe('errorText', () => {
  it('is the frame of the protocol, without what there is not', () => {
    expect(errorText(3, { code: 'FORBIDDEN', message: 'no', topic: 'a' })).toBe(
      '{"event":"error","id":3,"data":{"code":"FORBIDDEN","message":"no","topic":"a"}}',
    );
    expect(errorText(undefined, { code: 'FORBIDDEN', message: 'no' })).toBe(
      '{"event":"error","data":{"code":"FORBIDDEN","message":"no"}}',
    );
  });

  it('leaves a message alone that fits, and cuts one that does not', () => {
    const fits = 'x'.repeat(400);
    expect(JSON.parse(errorText(1, { code: 'C', message: fits })).data.message).toBe(fits);
    const cut = JSON.parse(errorText(1, { code: 'C', message: 'y'.repeat(10_000) })).data.message as string;
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

    /** An id as it comes through the door: whatever readCommand takes. */
    function idOf(given: unknown): MessageId | undefined {
      try {
        return readCommand(jsonParser, JSON.stringify({ event: 'a', id: given }))!.id;
      } catch {
        return undefined;
      }
    }

    it('whatever the message is', () => {
      fc.assert(
        fc.property(text(3000), topic, code, (message, name, refusal) => {
          const frame = errorText(1, { code: refusal, message, topic: name });
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
          const frame = errorText(idOf(given), { code: taken, message, topic: name });
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
