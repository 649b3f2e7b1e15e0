import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Connections } from 'nestjs-fanout';
import { describe, expect, it } from 'vitest';
import type { RunningApp } from '../support/app.js';
import { Client } from '../support/client.js';
import { RawRequest, upgrade, upgradeStatus } from '../support/attacks/raw-request.js';
import { startFanout, startPlain } from '../support/attacks/servers.js';

@WebSocketGateway({ path: '/live' })
class Gateway {
  @SubscribeMessage('echo')
  echo(@MessageBody() data: unknown): unknown {
    return data;
  }
}

const start = (): Promise<RunningApp> =>
  startFanout({ providers: [Gateway], options: { compression: true } });

/** Whether everybody else is still served. */
async function isServing({ url }: RunningApp): Promise<boolean> {
  const client = await Client.connect(`${url}/live`);
  return (await client.request('echo', 'on')).data === 'on';
}

const LIB = fileURLToPath(new URL('../../lib', import.meta.url));

/** Reads the headers of our own 101, which `ws` wrote. */
const NO_READERS = ['ws/deflate-agreement.ts'];

/** The sources that may see what a client wrote into its headers. */
const readers = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
  .filter(file => file.endsWith('.ts') && !NO_READERS.includes(file))
  .map(file => [file, readFileSync(`${LIB}/${file}`, 'utf8')] as const)
  .filter(([, source]) => /\bheaders\b|rawHeaders|headerText/.test(source));

/** Regular expressions in TypeScript source: literals where a value may stand, and constructors. */
function expressionsIn(source: string): string[] {
  const code = source.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
  const literal =
    /(?<=(?:[=(,:[!&|?>]|return) *)\/(?![/*])(?:\\.|\[(?:\\.|[^\]\n])*\]|[^/\n\\[])+\/|\bRegExp\(/g;
  return code.match(literal) ?? [];
}

const PROTOTYPE = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', '__defineSetter__'];

describe('A3 headers with the names of what every object has', () => {
  it.each(['Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol', 'Cookie', 'Origin', 'X-Forwarded-For'])(
    'are answered, and harm nobody: %s',
    async header => {
      const running = await start();
      for (const name of PROTOTYPE) {
        for (const value of [
          name,
          `${name}; ${name}=1`,
          `permessage-deflate; ${name}`,
          `${name}=1, ${name}`,
        ]) {
          const status = await upgradeStatus(running.url, '/live', { [header]: value });
          expect([101, 400, 403], value).toContain(status);
        }
        expect([101, 400], name).toContain(await upgradeStatus(running.url, '/live', { [name]: name }));
      }
      expect(await isServing(running)).toBe(true);
    },
  );
});

/** Values that made expressions of other libraries run for minutes. */
const LONG: Record<string, string> = {
  spaces: `b${' '.repeat(16_000)}x`,
  'an open quote': `permessage-deflate; a="${'\\b'.repeat(4000)}`,
  commas: ','.repeat(8000),
  semicolons: `a${';'.repeat(8000)}`,
  'many offers': Array(900).fill('permessage-deflate').join(', '),
  'many proxies': '1.2.3.4, '.repeat(1300),
};

describe('A4, A29 long headers that take an expression quadratic time', () => {
  it.each(Object.entries(LONG))('are answered at once: %s', async (_, value) => {
    const running = await start();
    const headers = ['Sec-WebSocket-Extensions', 'Sec-WebSocket-Protocol', 'X-Forwarded-For', 'Origin'];
    for (const header of headers) {
      // Node itself refuses more than 16 KiB of headers.
      const status = await upgradeStatus(running.url, '/live', { [header]: value.slice(0, 15_000) });
      expect([101, 400, 403], header).toContain(status);
    }
    expect(await isServing(running)).toBe(true);
  });

  it('meet no regular expression: nothing that reads headers has one', () => {
    expect(readers.length).toBeGreaterThan(3);
    for (const [file, source] of readers) expect(expressionsIn(source), file).toEqual([]);
  });

  it('would be noticed if they did', () => {
    const source = 'const A = /^a+b+$/;\ntext.search(/[?#/]/);\nconst b = 1 / 2; // and / not\nnew RegExp(b)';
    expect(expressionsIn(source)).toEqual(['/^a+b+$/', '/[?#/]/', 'RegExp(']);
  });
});

describe('A5 more headers than Node keeps', () => {
  it.each(['before', 'after'])('are answered, with the upgrade %s them', async place => {
    const running = await start();
    const many = Array.from({ length: 2000 }, (_, i) => [`${i}`, 'x'] as const);
    const request = upgrade('/live').split('\r\n');
    const lines = many.map(([name, value]) => `${name}:${value}`);
    const bytes = [
      request[0],
      ...(place === 'after' ? lines : []),
      ...request.slice(1, -2),
      ...(place === 'before' ? lines : []),
      '\r\n',
    ].join('\r\n');
    const status = await RawRequest.send(running.url, bytes).status();
    if (place === 'after') {
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(500);
    } else expect([101, 400, 431]).toContain(status);
    expect(await isServing(running)).toBe(true);
  });
});

describe('A13 a request with a body to the path of a gateway', () => {
  it.each(['POST', 'GET', 'PUT'])('is an ordinary request of the application: %s', async method => {
    const running = await start();
    const body = 'x'.repeat(100_000);
    const head = `${method} /live HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n`;
    expect(await RawRequest.send(running.url, head + body).status()).toBe(404);
    expect(running.get(Connections).size).toBe(0);
  });

  it('is no upgrade with another method either', async () => {
    const running = await start();
    const bytes = upgrade('/live').replace('GET', 'POST');
    expect([400, 405]).toContain(await RawRequest.send(running.url, bytes).status());
    expect(running.get(Connections).size).toBe(0);
  });
});

/** Requests that a URL parser throws at, or that are no path. */
const CRAFTED: Record<string, string> = {
  'a host that is none': upgrade('/live', { Host: 'a b[' }),
  'an empty host': upgrade('/live', { Host: '' }),
  'no host': upgrade('/live', { Host: undefined }),
  'two hosts': upgrade('/live', { Host: ['a', 'b'] }),
  'a path of two slashes': upgrade('//'),
  'a path of a host': upgrade('//live'),
  'a broken escape': upgrade('/%zz'),
  'an absolute form': upgrade('http://127.0.0.1/live'),
  'an absolute form of nobody': upgrade('http://[/live'),
  'an asterisk': upgrade('*'),
  'no path but a query': upgrade('?live'),
  'a fragment': upgrade('/live#x'),
  'a path of 8 KiB': upgrade(`/${'a'.repeat(8192)}`),
  'bytes that are no ASCII': upgrade('/\u00ff\u00fe'),
  'a backslash': upgrade('\\live'),
  'a key that is none': upgrade('/live', { 'Sec-WebSocket-Key': 'short' }),
  'two keys': upgrade('/live', { 'Sec-WebSocket-Key': ['a', 'b'] }),
  'no key': upgrade('/live', { 'Sec-WebSocket-Key': undefined }),
  'a version that nobody has': upgrade('/live', { 'Sec-WebSocket-Version': '99' }),
  'an upgrade to something else': upgrade('/live', { Upgrade: 'h2c' }),
  'an upgrade to several': upgrade('/live', { Upgrade: 'websocket, h2c' }),
  'protocols that are none': upgrade('/live', { 'Sec-WebSocket-Protocol': 'a b, ,,' }),
  'an offer that is none': upgrade('/live', { 'Sec-WebSocket-Extensions': '=;;="' }),
};

describe('A16 a crafted upgrade request', () => {
  it('control: WsAdapter answers a bad host with what is no HTTP', async () => {
    const { url } = await startPlain({ providers: [Gateway] });
    const request = RawRequest.send(url, CRAFTED['a host that is none']!);
    expect(await request.status()).toBeUndefined();
    expect(request.text).toBe('HTTP/1.1 400\r\nInvalid URL');
  });

  it.each(Object.entries(CRAFTED))('is answered with good HTTP: %s', async (_, bytes) => {
    const running = await start();
    const request = RawRequest.send(running.url, bytes);
    expect([101, 400, 404, 405, 426], request.text).toContain(await request.status());
    expect(await isServing(running)).toBe(true);
  });
});
