import { runInNewContext } from 'node:vm';
import { HttpException, UnauthorizedException } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import { describe, expect, it } from 'vitest';
import { meaningOf } from '../../../../lib/gateway/session/exception-meaning.js';

/** An error with fields, as libraries make them. */
function errorWith(fields: object, message = 'SECRET'): Error {
  return Object.assign(new Error(message), fields);
}

/** The classes of another copy of Nest have the shape and not the identity of ours. */
class ForeignHttpException extends Error {
  constructor(
    readonly response: unknown,
    readonly status: unknown,
  ) {
    super('Foreign Http Exception');
  }

  getResponse(): unknown {
    return this.response;
  }

  getStatus(): unknown {
    return this.status;
  }
}

class ForeignWsException extends Error {
  constructor(readonly error: unknown) {
    super('Foreign Ws Exception');
  }

  getError(): unknown {
    return this.error;
  }
}

describe('meaningOf', () => {
  it.each([
    ['an HttpException', new UnauthorizedException('who?'), 401, { message: 'who?' }],
    [
      'an HttpException of another copy',
      new ForeignHttpException({ plan: 'free' }, 402),
      402,
      { plan: 'free' },
    ],
    ['a WsException', new WsException({ code: 'A', left: 1 }), undefined, { code: 'A', left: 1 }],
    ['a WsException of another copy', new ForeignWsException({ left: 1 }), undefined, { left: 1 }],
  ])('of %s is what its author gave', (_, error, status, content) => {
    expect(meaningOf(error)).toMatchObject({ status, content, told: true });
  });

  it('of an exception of another realm is the same', () => {
    const error: unknown = runInNewContext(
      `Object.assign(new Error('x'), { getStatus: () => 401, getResponse: () => 'who?' })`,
    );
    expect(error).not.toBeInstanceOf(Error);
    expect(meaningOf(error)).toMatchObject({ status: 401, content: 'who?', told: true });
  });

  it.each([
    ['status', { status: 401, expose: true }],
    ['statusCode', { statusCode: 401, expose: true }],
    ['both, of which the second counts', { status: 400, statusCode: 401, expose: true }],
  ])('of an error that exposes itself is its message: %s', (_, fields) => {
    expect(meaningOf(errorWith(fields, 'token expired'))).toMatchObject({
      status: 401,
      content: 'token expired',
      told: true,
    });
  });

  it('of an error of Fastify is its message, if the client is at fault', () => {
    class FastifyError extends Error {
      constructor(readonly statusCode: number) {
        super('no token');
      }
    }
    expect(meaningOf(new FastifyError(401))).toMatchObject({ status: 401, content: 'no token', told: true });
    expect(meaningOf(new FastifyError(500))).toMatchObject({ content: 'Internal Server Error', told: false });
    expect(meaningOf(errorWith({ code: 'FST_ERR_VALIDATION', statusCode: 400 }, 'bad'))).toMatchObject({
      content: 'bad',
      told: true,
    });
  });

  it.each([
    ['expose: false', errorWith({ status: 503, expose: false }), 503, 'Service Unavailable'],
    ['no class of an error', { statusCode: 404, message: 'SECRET' }, 404, 'Not Found'],
    ['no name', errorWith({ statusCode: 499, expose: false }), 499, 'Refused'],
  ])('of a status with %s is the name of the status', (_, error, status, content) => {
    const meaning = meaningOf(error);
    expect(meaning).toMatchObject({ status, content, told: false });
    expect(JSON.stringify(meaning)).not.toContain('SECRET');
  });

  it('of an HttpException with an error code keeps it beside a text', () => {
    const error = Object.assign(new HttpException('gone', 409), { errorCode: 'E_17' });
    expect(meaningOf(error)!.content).toEqual({ statusCode: 409, message: 'gone', errorCode: 'E_17' });
  });

  it.each([
    ['an error', new Error('SECRET')],
    ['the answer of another server', errorWith({ status: 401, response: { status: 401 } })],
    ['an error of another client', errorWith({ statusCode: 403 })],
    ['an expose that is no boolean', errorWith({ statusCode: 404, expose: 'yes' })],
    ['a status that is no error', errorWith({ statusCode: 200, expose: true })],
    ['a status that is a text', errorWith({ statusCode: '401', expose: true })],
    ['a status that is no number', errorWith({ statusCode: NaN, expose: true })],
    ['a status below none', errorWith({ statusCode: -401, expose: true })],
    ['an object with the methods of an exception', { getStatus: () => 401, getResponse: () => 'SECRET' }],
    ['an object with getError()', { getError: () => 'SECRET' }],
    ['an error with half the methods', errorWith({ getStatus: () => 401 })],
    ['a response of a server', { statusCode: 401, headers: {} }],
    ['a text', 'SECRET'],
    ['a function', Object.assign(() => {}, { statusCode: 401, message: 'SECRET' })],
    ['nothing', undefined],
    ['null', null],
  ])('of %s is undefined', (_, error) => {
    expect(meaningOf(error)).toBeUndefined();
  });

  it('of an RpcException is undefined: it is meant for another client', () => {
    class RpcException extends ForeignWsException {}
    class Derived extends RpcException {}
    expect(meaningOf(new RpcException('SECRET'))).toBeUndefined();
    expect(meaningOf(new Derived('SECRET'))).toBeUndefined();
  });

  it.each([
    ['getter', Object.defineProperty(new Error('x'), 'getStatus', { get: raise })],
    ['method', Object.assign(new HttpException('x', 401), { getResponse: raise })],
    ['statusCode', Object.defineProperty(new Error('x'), 'statusCode', { get: raise })],
    ['proxy', new Proxy({}, { get: raise, getPrototypeOf: raise })],
  ])('survives a %s that throws', (_, error) => {
    expect(meaningOf(error)).toBeUndefined();
  });
});

function raise(): never {
  throw new Error('of a getter');
}
