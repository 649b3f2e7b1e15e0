import { STATUS_CODES } from 'node:http';
import { types } from 'node:util';

/** Most bytes of the details of one error frame. */
const MOST_BYTES = 4096;

/** Details of an exception, for its error frame. */
export interface ErrorDetails {
  /** JSON of at most 4 KiB; undefined when nothing of the details can be sent. */
  readonly json: string | undefined;
  /** True if something was left out because of the limit. */
  readonly truncated: boolean;
  /** Reason why the details have no JSON form. */
  readonly failure?: unknown;
}

/** An element of class-validator's result; `target` and `value` are input of the client. */
export interface ValidationError {
  readonly property: string;
  /** Texts by the name of the failed rule. */
  readonly constraints?: Readonly<Record<string, unknown>> | undefined;
  readonly contexts?: unknown;
  readonly children?: readonly unknown[] | undefined;
}

/**
 * Returns the details of an exception's content, without code and message; undefined without details.
 * @param code the code of the error frame
 * @param status HTTP status of the exception
 */
export function detailsOf(content: unknown, code: string, status: unknown): ErrorDetails | undefined {
  // Fields of an error are internal to the server: statements, requests, credentials.
  if (typeof content !== 'object' || content === null || types.isNativeError(content)) return undefined;
  try {
    const value = formOf(content);
    if (Array.isArray(value)) return encoded(value);
    const fields = fieldsOf(value, code, status);
    const { message } = value as { message?: unknown };
    if (!Array.isArray(message)) return fields.length > 0 ? encodedFields(value, fields) : undefined;
    return fields.length > 1 ? encodedFields(value, fields) : encoded(message);
  } catch (failure) {
    return { json: undefined, truncated: false, failure };
  }
}

/** Returns the form of an object that `JSON.stringify` encodes. */
export function formOf(content: object): object {
  const { toJSON } = content as { toJSON?: unknown };
  const form: unknown = typeof toJSON === 'function' ? toJSON.call(content, '') : content;
  return typeof form === 'object' && form !== null && !types.isNativeError(form) ? form : {};
}

/** Returns the names of the fields without code and message. */
function fieldsOf(value: object, code: string, status: unknown): string[] {
  const { code: given, message, error, statusCode } = value as Record<string, unknown>;
  const name = STATUS_CODES[String(status ?? statusCode)];
  const told = new Set(['statusCode', '__proto__']);
  if (given === code) told.add('code');
  if (typeof message === 'string') told.add('message');
  if (typeof error === 'string' && error.toLowerCase() === name?.toLowerCase()) told.add('error');
  return Object.keys(value).filter(field => !told.has(field));
}

/** Encodes the first elements, as many as fit. */
function encoded(values: readonly unknown[]): ErrorDetails | undefined {
  if (values.length === 0) return undefined;
  const parts: string[] = [];
  let left = MOST_BYTES - 1;
  for (const value of values) {
    const json = encode(value, left - 1);
    if (json === TOO_LARGE) break;
    parts.push(json ?? 'null');
    left -= Buffer.byteLength(parts.at(-1)!) + 1;
  }
  return detailsWith(`[${parts.join(',')}]`, parts.length, values.length);
}

/** Encodes as many fields as fit. */
function encodedFields(value: object, fields: readonly string[]): ErrorDetails | undefined {
  const parts: string[] = [];
  let left = MOST_BYTES - 1;
  let wanted = 0;
  for (const field of fields) {
    const name = JSON.stringify(field);
    const room = left - Buffer.byteLength(name) - 2;
    const json = encode((value as Record<string, unknown>)[field], room);
    if (json === undefined) continue;
    wanted++;
    if (json === TOO_LARGE) continue;
    parts.push(`${name}:${json}`);
    left = room - Buffer.byteLength(json);
  }
  return detailsWith(`{${parts.join(',')}}`, parts.length, wanted);
}

function detailsWith(json: string, kept: number, wanted: number): ErrorDetails | undefined {
  if (wanted === 0) return undefined;
  return { json: kept > 0 ? json : undefined, truncated: kept < wanted };
}

const TOO_LARGE = Symbol('too large');

/**
 * Returns the JSON of a value; undefined when the value has none. Stops early when there is not enough room.
 * @throws the errors of `JSON.stringify`
 */
function encode(value: unknown, room: number): string | typeof TOO_LARGE | undefined {
  let least = 0;
  const replace = function (this: object, key: string, part: unknown): unknown {
    const given = (this as Record<string, unknown>)[key];
    if (key === '__proto__' || types.isNativeError(given)) return undefined;
    least += leastBytes(part) + (Array.isArray(this) ? 0 : key.length);
    if (least > room) throw TOO_LARGE;
    return isValidationError(part) ? withoutPayload(part) : part;
  };
  try {
    const json = JSON.stringify(value, replace) as string | undefined;
    return json !== undefined && Buffer.byteLength(json) > room ? TOO_LARGE : json;
  } catch (error) {
    if (error === TOO_LARGE) return TOO_LARGE;
    throw error;
  }
}

/** Returns a lower bound of the length that a value adds to the JSON. Parts of an object are counted separately. */
function leastBytes(part: unknown): number {
  if (typeof part === 'string') return part.length + 2;
  return typeof part === 'number' || (typeof part === 'object' && part !== null) ? 1 : 0;
}

/** Tells whether a value is an element of class-validator's result. */
export function isValidationError(value: unknown): value is ValidationError {
  if (typeof value !== 'object' || value === null) return false;
  const { property, constraints, children } = value as Partial<ValidationError>;
  const failed = typeof constraints === 'object' && constraints !== null;
  return typeof property === 'string' && (failed || Array.isArray(children));
}

/** Copies an error without the fields that hold input of the client. */
function withoutPayload({ property, constraints, contexts, children }: ValidationError): object {
  return { property, constraints, contexts, children: children?.length === 0 ? undefined : children };
}
