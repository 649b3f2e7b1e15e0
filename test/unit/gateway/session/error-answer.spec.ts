import {
  BadRequestException,
  ForbiddenException,
  HttpException,
  ImATeapotException,
  NotFoundException,
} from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { Refusal, REFUSALS } from '../../../../lib/errors/refusals.js';
import { errorAnswer, isAnswer } from '../../../../lib/gateway/session/error-answer.js';
import { GuardRefusal } from '../../../../lib/gateway/nest/guard-refusal.js';

function fail(): never {
  throw new Error('odd');
}

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
