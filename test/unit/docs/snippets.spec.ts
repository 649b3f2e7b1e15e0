import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import vm from 'node:vm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { blocks, pages, read, ROOT, sections } from './markdown.js';

/** What the examples import from the reader's own application. */
const READERS: Record<string, string> = {
  'config.ts': `
    export declare class ConfigModule {}
    export declare class ConfigService { number(name: string): number }`,
  'order.dto.ts': 'export declare class OrderDto { quantity: number }',
  'order-service.ts': `
    export declare class OrderService { settle(id: string): Promise<{ id: string; user: string; settled: boolean }> }`,
  // A package that is not installed here.
  'throttler.d.ts': `
    declare module '@nestjs/throttler' {
      export class ThrottlerGuard {
        protected shouldSkip(context: import('@nestjs/common').ExecutionContext): Promise<boolean>;
      }
    }`,
  'plan.guard.ts': 'export declare class PlanGuard { canActivate(): boolean }',
  'price-store.ts': `
    export declare class PriceStore { latest(symbol: string, user: unknown): { symbol: string; price: number } }`,
  'src/app.module.ts': 'export declare class AppModule {}',
};

// Below node_modules, so that the compiler finds the packages that the examples import.
const CACHE = join(ROOT, 'node_modules/.cache');

let directory: string;

beforeAll(() => {
  mkdirSync(CACHE, { recursive: true });
  directory = mkdtempSync(join(CACHE, 'snippets-'));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Compiles files as one program under the project's own settings; resolves to what the compiler has to say. */
function compile(files: Record<string, string>): Promise<string> {
  const folder = mkdtempSync(join(directory, 'program-'));
  const written = { ...READERS, ...files };
  for (const [name, code] of Object.entries(written)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), code);
  }
  const config = {
    extends: join(ROOT, 'tsconfig.json'),
    compilerOptions: {
      noEmit: true,
      declaration: false,
      noUnusedLocals: false,
      rootDir: ROOT,
      types: ['node', 'vitest/globals'],
      paths: { 'nestjs-fanout': [join(ROOT, 'lib/index.ts')] },
    },
    files: Object.keys(written),
    include: [],
  };
  // Tests are written for CommonJS too, where own files are imported without an ending.
  const type = Object.keys(files).some(name => /[.-]spec\.ts$/.test(name)) ? 'commonjs' : 'module';
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ type }));
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [join(ROOT, 'node_modules/typescript/bin/tsc'), '-p', folder, '--pretty', 'false'],
      (error, stdout, stderr) => resolve(stdout + stderr + (error && !stdout ? String(error) : '')),
    );
  });
}

/** The examples of a section by name: `// name.ts` in a first line is the name of the file. */
function filesIn(body: string): Record<string, string> {
  const examples = blocks(body).filter(({ language }) => language === 'ts');
  const files = examples.map(({ code }, i) => [
    /^\/\/ ([\w./-]+\.ts)\n/.exec(code)?.[1] ?? `example-${i}.ts`,
    code,
  ]);
  return Object.fromEntries(files) as Record<string, string>;
}

/** The files of the README's quick start. */
const quickStart = filesIn(
  sections(read('README.md')).find(({ title }) => title === 'Quick start')?.body ?? '',
);

/** The blocks of a section are one program. The section "The quick start" has tests of the README's quick start. */
const programs = pages().flatMap(page => {
  return sections(read(page)).flatMap(({ title, body }) => {
    const files = filesIn(body);
    if (Object.keys(files).length === 0) return [];
    return [{ page, title, files: title === 'The quick start' ? { ...quickStart, ...files } : files }];
  });
});

describe('TypeScript examples compile', { timeout: 60_000 }, () => {
  it('for real: a wrong one is an error', async () => {
    const code =
      "import { Broadcaster } from 'nestjs-fanout';\ndeclare const b: Broadcaster;\nb.publish(1, 2);\n";
    expect(await compile({ 'wrong.ts': code })).toContain('wrong.ts(3,11): error TS2345');
  });

  it('and are found where they are', () => {
    expect(programs.map(({ page, title }) => `${page} ${title}`)).toEqual(
      expect.arrayContaining([
        'README.md Quick start',
        'docs/application.md Code of an application',
        'docs/testing.md The quick start',
      ]),
    );
  });

  it.concurrent.each(programs)('$page: $title', async ({ files }) => {
    expect(await compile(files)).toBe('');
  });
});

/** A browser's WebSocket, as much of it as the examples use. */
class FakeSocket {
  static readonly opened: FakeSocket[] = [];
  readonly sent: any[] = [];
  onopen?: () => void;
  onmessage?: (message: { data: string }) => void;
  onclose?: (close: { code: number; reason: string }) => void;

  constructor(
    readonly url: string,
    readonly protocol?: string | string[],
  ) {
    FakeSocket.opened.push(this);
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  closed = false;

  close(): void {
    this.closed = true;
  }

  receive(frame: unknown): void {
    this.onmessage!({ data: JSON.stringify(frame) });
  }
}

/** Runs the browser example of a section; gives its context and what it made. */
function run(page: string, title: string, globals: object): Record<string, any> {
  FakeSocket.opened.length = 0;
  const [section] = sections(read(page)).filter(other => other.title === title);
  const [example] = blocks(section!.body).filter(({ language }) => language === 'js');
  const context = vm.createContext({ WebSocket: FakeSocket, ...globals });
  vm.runInContext(example!.code, context);
  return context;
}

describe('browser examples', () => {
  it('README.md subscribes and tells the snapshot from publications', () => {
    const logged: unknown[][] = [];
    run('README.md', 'Quick start', { console: { log: (...what: unknown[]) => logged.push(what) } });
    const [socket] = FakeSocket.opened;
    socket!.onopen!();
    expect(socket!.sent).toEqual([{ event: 'subscribe', id: 1, data: { topic: 'prices.AAPL' } }]);
    socket!.receive({
      event: 'subscribed',
      id: 1,
      data: { topic: 'prices.AAPL', position: 'e:1', snapshot: 7 },
    });
    socket!.receive({ topic: 'prices.AAPL', offset: 2, data: 8 });
    expect(logged).toEqual([
      ['snapshot', 7],
      ['price', 8],
    ]);
  });

  describe('docs/protocol.md', () => {
    const heard: unknown[][] = [];
    /** Timers that run, oldest first. */
    const timers: { callback: () => void; ms: number }[] = [];
    let stop: () => void;

    function follow(): FakeSocket {
      heard.length = timers.length = 0;
      const context = run('docs/protocol.md', 'A client that resumes', {
        setTimeout: (callback: () => void, ms: number) => {
          const timer = { callback, ms };
          timers.push(timer);
          return timer;
        },
        clearTimeout: (timer: (typeof timers)[0]) => {
          if (timers.includes(timer)) timers.splice(timers.indexOf(timer), 1);
        },
      });
      stop = context.follow('ws://host/path', 't', {
        onSnapshot: (snapshot: unknown) => heard.push(['snapshot', snapshot]),
        onData: (data: unknown) => heard.push(['data', data]),
        onError: ({ code }: { code: string }) => heard.push(['error', code]),
      });
      const [socket] = FakeSocket.opened;
      socket!.onopen!();
      socket!.receive({ event: 'subscribed', id: 1, data: { topic: 't', position: 'p.0:4', snapshot: 's' } });
      return socket!;
    }

    it('takes batches apart and asks for what it missed after a reconnect', () => {
      const first = follow();
      expect(first.protocol).toEqual(['fanout.v1.json']);
      first.receive([
        { topic: 't', offset: 5, data: 'a' },
        { topic: 't', offset: 9, data: 'b' },
      ]);
      first.onclose!({ code: 1006, reason: '' });
      timers[0]!.callback();
      const second = FakeSocket.opened[1]!;
      second.onopen!();
      expect(second.sent).toEqual([{ event: 'subscribe', id: 1, data: { topic: 't', since: 'p.0:9' } }]);
      second.receive({
        event: 'subscribed',
        id: 1,
        data: { topic: 't', position: 'p.0:9', recovered: true },
      });
      second.receive({ topic: 't', offset: 10, data: 'c' });
      expect(heard).toEqual([['snapshot', 's'], ...['a', 'b', 'c'].map(data => ['data', data])]);
    });

    it('takes the snapshot when nothing could be recovered', () => {
      const socket = follow();
      const data = { topic: 't', position: 'q.0:1', recovered: false, snapshot: 'new' };
      socket.receive({ event: 'subscribed', id: 1, data });
      expect(heard.at(-1)).toEqual(['snapshot', 'new']);
    });

    it('starts from a snapshot after a gap', () => {
      const socket = follow();
      const data = { topic: 't', from: 5, to: 7, position: 'p.0:7', reason: 'slow' };
      socket.receive({ event: 'gap', data });
      expect(socket.sent.slice(1)).toEqual([
        { event: 'unsubscribe', id: 1, data: { topic: 't' } },
        { event: 'subscribe', id: 1, data: { topic: 't' } },
      ]);
    });

    it.each(['expired', 'except'])(
      'goes on after a gap with the reason %s, and counts from there',
      reason => {
        const socket = follow();
        socket.receive({ event: 'gap', data: { topic: 't', from: 5, to: 7, position: 'p.0:7', reason } });
        socket.receive({ topic: 't', offset: 8, data: 'd' });
        expect(socket.sent).toHaveLength(1);
        expect(heard.at(-1)).toEqual(['data', 'd']);
        socket.onclose!({ code: 1006, reason: '' });
        timers[0]!.callback();
        FakeSocket.opened.at(-1)!.onopen!();
        expect(FakeSocket.opened.at(-1)!.sent).toMatchObject([{ data: { since: 'p.0:8' } }]);
      },
    );

    it('gives up a link that says nothing, when its own ping is not answered', () => {
      const socket = follow();
      timers[0]!.callback();
      expect(socket.sent.at(-1)).toEqual({ event: 'ping', id: 1 });
      timers.at(-1)!.callback();
      timers.at(-1)!.callback();
      expect(FakeSocket.opened).toHaveLength(2);
      expect(socket.closed).toBe(true);
    });

    it('gives up a connection that does not open', () => {
      follow().onclose!({ code: 1006, reason: '' });
      timers.at(-1)!.callback();
      timers.at(-1)!.callback();
      timers.at(-1)!.callback();
      expect(FakeSocket.opened).toHaveLength(3);
    });

    it('asks again after BUSY', () => {
      const socket = follow();
      socket.receive({ event: 'error', id: 1, data: { code: 'BUSY', message: 'later' } });
      timers.at(-1)!.callback();
      expect(socket.sent.at(-1)).toEqual({ event: 'subscribe', id: 1, data: { topic: 't', since: 'p.0:4' } });
    });

    it('ends when the server unsubscribes it, and when it is stopped', () => {
      const socket = follow();
      socket.receive({ event: 'unsubscribed', data: { topic: 't' } });
      expect([heard.at(-1), socket.closed, timers]).toEqual([['error', 'UNSUBSCRIBED'], true, []]);
      const other = follow();
      stop();
      expect([other.closed, timers]).toEqual([true, []]);
    });

    it('comes back not before it was asked to', () => {
      follow().onclose!({ code: 1012, reason: 'service restart; retry-after=4000' });
      expect(timers[0]!.ms).toBeGreaterThanOrEqual(4000);
    });

    it.each([4500, 4999, 1008, 1009])('does not come back after %i', code => {
      follow().onclose!({ code, reason: '' });
      expect(timers).toEqual([]);
      expect(heard.at(-1)).toEqual(['error', String(code)]);
    });

    it.each([1000, 1005, 1006, 1011, 4001, 4499])('comes back after %i', code => {
      follow().onclose!({ code, reason: '' });
      expect(timers).toHaveLength(1);
    });
  });
});
