import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from 'vitest';
import {
  asksForWebSocket,
  normalize,
  targetOf,
  trimmed,
} from '../../../../lib/gateway/admission/upgrade-request.js';

const request = (headers: object, url = '/'): IncomingMessage => ({ headers, url }) as IncomingMessage;

describe('asksForWebSocket', () => {
  it.each(['websocket', 'WebSocket', 'h2c, websocket', 'h2c,WEBSOCKET '])('takes %o', upgrade => {
    expect(asksForWebSocket(request({ upgrade }))).toBe(true);
  });

  it.each([undefined, '', 'h2c', 'websockets', 'websocket/2'])('does not take %o', upgrade => {
    expect(asksForWebSocket(request({ upgrade }))).toBe(false);
  });
});

describe('targetOf', () => {
  it.each([
    ['/market', '/market', '/market', undefined],
    ['/market/', '/market', '/market/', undefined],
    ['/market?token=a/', '/market', '/market?token=a/', undefined],
    ['/market/?a', '/market', '/market/?a', undefined],
    ['/market#part', '/market', '/market#part', undefined],
    ['/', '/', '/', undefined],
    ['//host/market', '//host/market', '//host/market', undefined],
    ['ws://example.com/market?a', '/market', '/market?a', 'example.com'],
    ['HTTPS://example.com:8443/', '/', '/', 'example.com:8443'],
    ['ws://example.com', '/', '/', 'example.com'],
    ['ws://example.com?a', '/', '/?a', 'example.com'],
    ['ftp://example.com/market', 'ftp://example.com/market', 'ftp://example.com/market', undefined],
    [
      'ws://user@example.com/market',
      'ws://user@example.com/market',
      'ws://user@example.com/market',
      undefined,
    ],
    ['ws:///market', 'ws:///market', 'ws:///market', undefined],
    ['*', '*', '*', undefined],
  ])('reads %o', (text, path, url, host) => {
    expect(targetOf(text)).toEqual({ path, url, host });
  });
});

describe('normalize', () => {
  it('gives a request with a host in its target the path and that host', () => {
    const given = request({ host: 'proxy', upgrade: 'h2c, websocket' }, 'ws://example.com/market');
    normalize(given, targetOf(given.url!));
    expect(given).toMatchObject({ url: '/market', headers: { host: 'example.com', upgrade: 'websocket' } });
  });

  it('leaves the target and the host of any other request', () => {
    const given = request({ host: 'example.com', upgrade: 'WebSocket' }, '/market/?a');
    normalize(given, targetOf(given.url!));
    expect(given).toMatchObject({
      url: '/market/?a',
      headers: { host: 'example.com', upgrade: 'websocket' },
    });
  });
});

describe('trimmed', () => {
  it.each([
    ['market', '/market'],
    ['/market/', '/market'],
    ['/', '/'],
    ['', '/'],
    ['/a/b/', '/a/b'],
  ])('makes %o to %o', (path, expected) => {
    expect(trimmed(path)).toBe(expected);
  });
});
