import { ForbiddenException, HttpException, UnauthorizedException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { CLOSE } from '../../../../lib/errors/close-codes.js';
import {
  expired,
  refusal,
  refusalForError,
  refusalByGuard,
} from '../../../../lib/gateway/handshake/handshake-refusal.js';
import { UpgradeRefusal } from '../../../../lib/gateway/handshake/upgrade-refusal.js';
import { HandshakeResponse } from '../../../../lib/gateway/session/handshake-response.js';

const response = (): HandshakeResponse => new HandshakeResponse({ method: 'GET', headers: {} } as never);

describe('refusal', () => {
  it.each([
    [401, 'unauthorized', CLOSE.UNAUTHORIZED],
    [302, 'guard', CLOSE.UNAUTHORIZED],
    [403, 'forbidden', CLOSE.FORBIDDEN],
    [404, 'guard', CLOSE.FORBIDDEN],
    [429, 'guard', CLOSE.RATE_LIMITED],
    [500, 'guard', CLOSE.HOOK_FAILED],
    [503, 'guard', CLOSE.BUSY],
  ] as const)('of status %i counts as %s and closes as %o', (status, cause, close) => {
    expect(refusal(status, '', {})).toMatchObject({ status, cause, close });
  });
});

describe('refusalForError', () => {
  it('has the status and the body of an HTTP exception, with the headers of the guards', () => {
    const meant = refusalForError(new UnauthorizedException('sign in'), { 'x-realm': 'market' });
    expect(meant?.untold).toBeUndefined();
    expect(meant?.refusal).toMatchObject({ status: 401, headers: { 'x-realm': 'market' } });
    expect(JSON.parse(meant!.refusal.body!)).toEqual({
      message: 'sign in',
      error: 'Unauthorized',
      statusCode: 401,
    });
  });

  it('makes an object of a text, and keeps an object', () => {
    const bodyOf = (content: string | object): unknown =>
      JSON.parse(refusalForError(new HttpException(content, 402), {})!.refusal.body!);
    expect(bodyOf('pay')).toEqual({ statusCode: 402, message: 'pay' });
    expect(bodyOf({ price: 3 })).toEqual({ price: 3 });
  });

  it('names the status in place of a body that is too long or no JSON', () => {
    const cyclic: Record<string, unknown> = {};
    cyclic.self = cyclic;
    for (const content of [{ long: 'x'.repeat(2000) }, cyclic]) {
      const { refusal: made, untold } = refusalForError(new HttpException(content, 403), {})!;
      expect(JSON.parse(made.body!)).toEqual({ statusCode: 403, message: 'Forbidden' });
      expect(untold === undefined).toBe(content !== cyclic);
    }
  });

  it('refuses a WsException with 403, without its content', () => {
    const { refusal: made } = refusalForError(new WsException({ secret: 1 }), {})!;
    expect(made.status).toBe(403);
    expect(made.body).not.toContain('secret');
  });

  it('passes a refusal on, and knows no other error', () => {
    const own = new UpgradeRefusal(503, 'handshake-time');
    expect(refusalForError(own, {})?.refusal).toBe(own);
    expect(refusalForError(new Error('broken'), {})).toBeUndefined();
    expect(refusalForError(new HttpException('fine', 200), {})).toBeUndefined();
    expect(refusalForError(new ForbiddenException(), {})?.refusal.status).toBe(403);
  });
});

describe('refusalByGuard', () => {
  it('is 403 for a guard that returned false', () => {
    expect(refusalByGuard(response())).toMatchObject({ status: 403, cause: 'forbidden' });
  });

  it('has the status, the body and the headers that a guard has set', () => {
    const given = response();
    given.status(402).header('x-price', '3').send('pay');
    expect(refusalByGuard(given)).toMatchObject({ status: 402, body: 'pay', headers: { 'x-price': '3' } });
  });

  it('does not take a status that admits', () => {
    const given = response();
    given.status(200).end();
    expect(refusalByGuard(given)).toMatchObject({ status: 403, body: '' });
  });
});

describe('expired', () => {
  it('is 401 with a counter of its own', () => {
    expect(expired(response())).toMatchObject({ status: 401, cause: 'expired', close: CLOSE.UNAUTHORIZED });
  });
});
