import { types } from 'node:util';
import { FanoutError, shown } from '../errors/fanout-error.js';

/** Codes of the errors that refuse a value, one for each way out. */
export type WayOut =
  'FANOUT_PAYLOAD' | 'FANOUT_SNAPSHOT' | 'FANOUT_REPLY' | 'FANOUT_EVENT' | 'FANOUT_PRESENCE_INFO';

/**
 * Encodes a value for clients. Every way out calls this function, so that all refuse the same values.
 * @param name the topic or event that the value is for
 * @returns undefined for undefined, and where a `toJSON()` returns undefined
 * @throws FanoutError with the given code, when JSON would lose a part of the value or has no form for it
 */
export function outgoingJson(way: WayOut, name: string, value: unknown): string | undefined {
  let json: string | undefined;
  let loss: Loss | undefined;
  try {
    json = JSON.stringify(value);
    loss = lossIn(value);
  } catch (error) {
    const refused = refusal(way, name, thrownReason(error, value));
    refused.cause = error;
    throw refused;
  }
  if (loss !== undefined) throw refusal(way, name, reasonOf(loss));
  return json;
}

function refusal(way: WayOut, name: string, reason: string): FanoutError {
  // FANOUT_EVENT is also about bad names, so its sentence has one place for name and value.
  return way === 'FANOUT_EVENT'
    ? new FanoutError(way, `of event "${name}", ${reason}`)
    : new FanoutError(way, name, reason);
}

/** V8 says on several lines where a circle is, and does not say where a BigInt is. */
function thrownReason(error: unknown, value: unknown): string {
  if (!(error instanceof Error)) return shown(error);
  const found = error.message.includes('BigInt') ? bigintIn(value) : undefined;
  return found === undefined ? error.message.replaceAll(/\s*\n\s*/g, ' ') : reasonOf(found);
}

function bigintIn(value: unknown): Loss | undefined {
  try {
    return lossIn(value);
  } catch {
    return undefined;
  }
}

function reasonOf({ path, what }: Loss): string {
  return path === '' ? what : `at ${path.startsWith('.') ? path.slice(1) : path}, ${what}`;
}

/** A part of a value that JSON would turn to nothing. */
export interface Loss {
  /** The place of the part in the value, such as `.rows[2].tags`; '' for the whole value. */
  readonly path: string;
  /** The kind of the part and the remedy. */
  readonly what: string;
}

/**
 * Finds the first part of a value that JSON would turn to nothing, after `JSON.stringify()` took the value. A separate walk
 * costs less than a replacer function of `JSON.stringify()`: docs/decisions/013-values-that-json-loses.md. An object with
 * `toJSON()` is accepted, and so is an undefined member.
 */
export function lossIn(value: unknown): Loss | undefined {
  switch (typeof value) {
    case 'string':
    case 'boolean':
    case 'undefined':
      return undefined;
    case 'number':
      // Infinite and NaN: the difference is NaN, which equals nothing.
      return value - value === 0 ? undefined : lost(`${value} becomes null`);
    case 'object':
      return value === null ? undefined : lossInObject(value);
    case 'bigint':
      return hasToJson(value)
        ? undefined
        : lost(`JSON does not know how to serialize a BigInt (${value}n): send it as a string`);
    default:
      return lost(`${shown(value)} has no JSON form`);
  }
}

function lost(what: string): Loss {
  return { path: '', what };
}

function lossInObject(value: object): Loss | undefined {
  if (Array.isArray(value)) return lossInArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return lossInInstance(value, prototype as object);
  let isEmpty = true;
  let isLost = false;
  for (const key in value) {
    const member = (value as Record<string, unknown>)[key];
    if (isNoData(member)) {
      isLost = true;
      continue;
    }
    isEmpty = false;
    const loss = lossIn(member);
    if (loss !== undefined) return hasToJson(value) ? undefined : within(`.${key}`, loss);
  }
  if (!isEmpty || hasToJson(value)) return undefined;
  if (isIterable(value)) return lost('an iterable object becomes {}');
  return isLost ? lost('an object with nothing but functions becomes {}') : undefined;
}

/** Tells whether JSON leaves out a member of an object, as its author expects: functions and symbols are not data. */
function isNoData(member: unknown): boolean {
  return typeof member === 'function' || typeof member === 'symbol';
}

function lossInArray(values: readonly unknown[]): Loss | undefined {
  for (let i = 0; i < values.length; i++) {
    const loss = lossIn(values[i]);
    if (loss !== undefined) return hasToJson(values) ? undefined : within(`[${i}]`, loss);
  }
  return undefined;
}

/** Prototypes whose instances have ordinary fields only: remembered, because the checks cost more than the fields. */
const ORDINARY = new WeakSet<object>();

function lossInInstance(value: object, prototype: object): Loss | undefined {
  if (ORDINARY.has(prototype)) return lossInFields(value);
  if (isFunction(value, 'then')) return lost('a promise becomes {}: await it');
  if (hasToJson(value)) {
    const isInvalid = types.isDate(value) && Number.isNaN(value.getTime());
    return isInvalid ? lost('an invalid Date becomes null') : undefined;
  }
  if (types.isSymbolObject(value)) return lost('a boxed symbol becomes {}');
  if (types.isBoxedPrimitive(value)) return lossIn(value.valueOf());
  const what = kindOf(value);
  if (what !== undefined) return lost(what);
  // A proxy of a Map cannot be recognised, so its prototype is not remembered.
  if (!types.isProxy(value)) ORDINARY.add(prototype);
  return lossInFields(value);
}

function lossInFields(value: object): Loss | undefined {
  let isEmpty = true;
  for (const key of Object.keys(value)) {
    isEmpty = false;
    const field = (value as Record<string, unknown>)[key];
    if (isNoData(field)) continue;
    const loss = lossIn(field);
    if (loss !== undefined) return hasToJson(value) ? undefined : within(`.${key}`, loss);
  }
  return isEmpty && isClosed(value)
    ? lost(`a ${nameOf(value)} shows no fields and becomes {}: give its class a toJSON()`)
    : undefined;
}

/** The sentence about a kind of object that JSON loses; undefined for any other object. */
function kindOf(value: object): string | undefined {
  if (types.isNativeError(value) || value instanceof Error)
    return 'an Error loses its message: send what the client may know of it';
  if (types.isMap(value)) return 'a Map becomes {}: send Object.fromEntries(map) or [...map]';
  if (types.isSet(value)) return 'a Set becomes {}: send [...set]';
  if (ArrayBuffer.isView(value) || types.isAnyArrayBuffer(value))
    return `a ${nameOf(value)} does not stay one: send an array of numbers or base64 text`;
  if (isFunction(value, 'pipe') && isFunction(value, 'subscribe'))
    return 'an Observable cannot be part of a value';
  if (isFunction(value, 'pipe') && isFunction(value, 'on')) return 'a stream cannot be part of a value';
  if (isFunction(value, Symbol.asyncIterator)) return 'an async iterable cannot be part of a value';
  return undefined;
}

/** Tells whether an object without fields has content: a class with members, or a built-in one such as Headers. */
function isClosed(value: object): boolean {
  if (isIterable(value) || Object.prototype.toString.call(value) !== '[object Object]') return true;
  let prototype = Object.getPrototypeOf(value) as object;
  for (let next: object | null; (next = Object.getPrototypeOf(prototype) as object | null); prototype = next)
    if (Object.getOwnPropertyNames(prototype).some(name => name !== 'constructor')) return true;
  return false;
}

function isIterable(value: object): boolean {
  return isFunction(value, Symbol.iterator) || isFunction(value, Symbol.asyncIterator);
}

function hasToJson(value: unknown): boolean {
  return isFunction(value, 'toJSON');
}

function isFunction(value: unknown, name: string | symbol): boolean {
  return typeof (value as Record<string | symbol, unknown>)[name] === 'function';
}

function nameOf(value: object): string {
  return (value.constructor as Function | undefined)?.name || 'object';
}

function within(place: string, { path, what }: Loss): Loss {
  return { path: place + path, what };
}
