import { STATUS_CODES } from 'node:http';
import { types } from 'node:util';

/** Part of an exception that its author meant for the client. */
export interface ExceptionMeaning {
  /** HTTP status; undefined for a `WsException`. */
  readonly status: unknown;
  /** A text, or an object with the fields for the client. */
  readonly content: unknown;
  /** Text to use if `content` has none. */
  readonly message: unknown;
  /** False if the client does not receive the message, so that it must be logged. */
  readonly told: boolean;
}

/** Members that identify an exception, from any copy of its package. */
interface Shape {
  readonly message?: unknown;
  readonly code?: unknown;
  readonly errorCode?: unknown;
  readonly status?: unknown;
  readonly statusCode?: unknown;
  readonly expose?: unknown;
  getStatus?(): unknown;
  getResponse?(): unknown;
  getError?(): unknown;
}

/**
 * Decides what an exception tells a client; undefined for an unexpected error, and for an error that cannot be read.
 * The shape identifies an exception, because `instanceof` fails with a second copy of a package. The result has only
 * data that the author of the exception exposes:
 *
 * - the response of an `HttpException`, the error of a `WsException`;
 * - the message of an error of `http-errors` whose `expose` is true, and of a client error found by Fastify;
 * - the status alone of other errors that Nest answers by their status over HTTP.
 */
export function meaningOf(error: unknown): ExceptionMeaning | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  try {
    return nestMeaning(error) ?? statusMeaning(error);
  } catch {
    // A getter that throws, or a proxy.
    return undefined;
  }
}

/** Returns the error, or a replacement for an error that cannot be read, such as a revoked `Proxy`. */
export function readableError(error: unknown): unknown {
  try {
    void (error instanceof Error);
    return error;
  } catch {
    return new TypeError('An exception was thrown that cannot be read, such as a revoked Proxy.');
  }
}

function nestMeaning(error: Shape): ExceptionMeaning | undefined {
  if (!types.isNativeError(error)) return undefined;
  const { message, getStatus, getResponse, getError } = error as Shape;
  if (typeof getStatus === 'function' && typeof getResponse === 'function') {
    const [status, response] = [getStatus.call(error), getResponse.call(error)];
    return { status, content: withErrorCode(error, status, response), message, told: true };
  }
  if (typeof getError === 'function' && !isNamed(error, 'RpcException'))
    return { status: undefined, content: getError.call(error), message, told: true };
  return undefined;
}

/**
 * Returns the response of an `HttpException`. Nest 12 may have an error code beside a text, and sends both over HTTP.
 */
function withErrorCode({ errorCode }: Shape, statusCode: unknown, response: unknown): unknown {
  if (typeof response !== 'string' || errorCode === undefined) return response;
  return { statusCode, message: response, errorCode };
}

function statusMeaning(error: Shape): ExceptionMeaning | undefined {
  const { message } = error;
  const status = statusOf(error);
  if (!isErrorStatus(status) || typeof message !== 'string') return undefined;
  const told = error.expose === true || (isOfFastify(error) && status < 500);
  const content = told ? message : (STATUS_CODES[status] ?? 'Refused');
  return { status, content, message: content, told };
}

/**
 * Returns the status that Nest would send for an error over HTTP. The status in an error of an HTTP client is ignored,
 * because it came from another server.
 */
function statusOf(error: Shape): unknown {
  const { status, statusCode, expose } = error;
  if (typeof expose === 'boolean') return statusCode ?? status;
  return isOfFastify(error) || !types.isNativeError(error) ? statusCode : undefined;
}

function isOfFastify(error: Shape): boolean {
  return error.code === 'FST_ERR_VALIDATION' || isNamed(error, 'FastifyError');
}

function isErrorStatus(status: unknown): status is number {
  return Number.isInteger(status) && (status as number) >= 400 && (status as number) <= 599;
}

/**
 * Tells whether an error is an instance of a class with this name. `RpcException` has the shape of `WsException`, but
 * other clients.
 */
function isNamed(error: object, name: string): boolean {
  for (let at: unknown = error; at !== null; at = Object.getPrototypeOf(at))
    if ((at as object).constructor?.name === name) return true;
  return false;
}
