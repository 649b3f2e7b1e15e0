import { bytesOfFrame, type Frame } from './frame.js';

/**
 * What an attacker does with one TCP connection, step by step, as plain JSON: the corpus is kept in it, generated cases
 * shrink in it, and a case that fails is printed in it, so that it can be put into the corpus as it is.
 *
 * All text that goes over the wire is latin1: a character is a byte.
 */
export interface Script {
  /** What it tries, for the corpus. */
  readonly what?: string;
  /** The last part of the loopback address it comes from, 1 if it is not given. */
  readonly from?: number;
  /** Writes no more than this many bytes at once, and lets the event loop turn after each. */
  readonly bite?: number;
  /** Speaks no TLS to a server that does. */
  readonly plain?: boolean;
  readonly steps: readonly Step[];
}

export type Step =
  /** These bytes, so often. What is sent without a `wait` between goes in one write. */
  | { readonly send: string; readonly times?: number }
  /** A whole upgrade request. */
  | { readonly upgrade: Upgrade }
  /** A frame, right or wrong, so often. */
  | { readonly frame: Frame; readonly times?: number }
  /** A message as clients send it: a masked text frame of this JSON, so often. */
  | { readonly message: unknown; readonly times?: number }
  /** So many milliseconds; with `answer` until the server has answered the request or is gone, which it owes. */
  | { readonly wait: number | 'answer' }
  /** Reads nothing any more. */
  | { readonly stop: 'reading' }
  /** The last step. Without it the socket is closed both ways. */
  | { readonly end: End };

/**
 * `fin` half-closes and waits a moment, `rst` resets, `gone` waits until the server has ended the connection, which it
 * owes to whom it refuses, and `closed` until it has done that or has sent a close frame.
 */
export type End = 'fin' | 'rst' | 'gone' | 'closed';

export interface Upgrade {
  readonly path?: string;
  readonly method?: string;
  readonly version?: string;
  /** Besides those that every upgrade has; one of the same name takes its place, and '' leaves it out. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
}

const USUAL: readonly (readonly [string, string])[] = [
  ['Host', '127.0.0.1'],
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'dGhlIHNhbXBsZSBub25jZQ=='],
];

/** The bytes that a step puts on the wire, if it does. */
export function bytesOf(step: Step): Buffer | undefined {
  if ('send' in step) return repeated(Buffer.from(step.send, 'latin1'), step.times);
  if ('upgrade' in step) return Buffer.from(requestOf(step.upgrade), 'latin1');
  if ('frame' in step) return repeated(bytesOfFrame(step.frame), step.times);
  if ('message' in step) return repeated(bytesOfFrame({ payload: textOf(step.message) }), step.times);
  return undefined;
}

export function requestOf({
  path = '/ticks',
  method = 'GET',
  version = '1.1',
  headers = [],
}: Upgrade): string {
  const named = new Set(headers.map(([name]) => name.toLowerCase()));
  const all = [...USUAL.filter(([name]) => !named.has(name.toLowerCase())), ...headers];
  const lines = all.filter(([, value]) => value !== '').map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/${version}\r\n${lines.join('')}\r\n`;
}

/** A string goes as it is, so that it need not be JSON. */
function textOf(message: unknown): string {
  return Buffer.from(typeof message === 'string' ? message : JSON.stringify(message)).toString('latin1');
}

function repeated(bytes: Buffer, times = 1): Buffer {
  return times === 1 ? bytes : Buffer.concat(Array.from({ length: times }, () => bytes));
}
