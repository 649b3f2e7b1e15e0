import { describe, expect, it } from 'vitest';
import { cycleIn, libFiles } from '../support/unit/lib-files.js';

/** The architecture: a room may import itself and the rooms named beside it. '' is the top of lib. */
const MAY: Record<string, readonly string[]> = {
  time: [],
  errors: [],
  memory: [],
  heartbeat: ['time'],
  observe: ['time'],
  json: ['errors'],
  wire: ['memory'],
  protocol: ['errors', 'json', 'wire'],
  topic: ['time', 'errors', 'wire'],
  bus: ['topic'],
  options: ['errors', 'heartbeat', 'topic', 'connection'],
  connection: ['time', 'errors', 'observe', 'json', 'wire', 'protocol', 'ws'],
  broadcast: ['time', 'errors', 'memory', 'observe', 'json', 'wire', 'topic', 'connection', 'bus'],
  limits: ['errors', 'observe', 'options'],
  ws: ['time', 'wire'],
  gateway: [
    'time',
    'errors',
    'memory',
    'json',
    'heartbeat',
    'observe',
    'wire',
    'protocol',
    'topic',
    'options',
    'connection',
    'broadcast',
    'limits',
    'ws',
  ],
  '': [
    'time',
    'errors',
    'memory',
    'json',
    'heartbeat',
    'observe',
    'wire',
    'protocol',
    'topic',
    'options',
    'connection',
    'broadcast',
    'limits',
    'ws',
    'gateway',
  ],
};

/** Rooms of the gateway, from the bottom to the top. A room may import itself and the rooms below it, types included. */
const WING = [
  'nest',
  'session',
  'protection',
  'handshake',
  'admission',
  'subscribe',
  'messages',
  'server',
] as const;

/** Rooms from which another may take types, but nothing that runs. */
const TYPES_ONLY: Record<string, readonly string[]> = {
  topic: ['wire'],
  options: ['heartbeat', 'topic', 'connection'],
  bus: ['topic'],
  connection: ['observe'],
  broadcast: ['observe'],
};

const roomOf = (path: string): string => (path.includes('/') ? path.slice(0, path.indexOf('/')) : '');

/** Room of a file of the gateway, or undefined for other files. */
const wingRoomOf = (path: string): string | undefined => /^gateway\/(?:([^/]+)\/)?[^/]+$/.exec(path)?.[1];

describe('the rooms of lib', () => {
  it('are those with a rule', () => {
    expect([...new Set(libFiles.map(({ room }) => room))].sort()).toEqual(Object.keys(MAY).sort());
  });

  it.each(libFiles)('let $path import what it does', ({ path, room, imports, runtimeImports }) => {
    for (const from of imports) {
      expect([room, ...MAY[room]!], `${path} -> ${from}`).toContain(roomOf(from));
    }
    for (const from of runtimeImports) {
      expect(TYPES_ONLY[room] ?? [], `${path} -> ${from} at run time`).not.toContain(roomOf(from));
    }
  });

  it('of the gateway are those with a place in the order', () => {
    const rooms = libFiles.filter(({ room }) => room === 'gateway').map(({ path }) => wingRoomOf(path));
    expect([...new Set(rooms)].sort()).toEqual([...WING].sort());
  });

  it.each(libFiles.filter(({ room }) => room === 'gateway'))(
    'of the gateway import only what is below them: $path',
    ({ path, imports }) => {
      const below: readonly string[] = WING.slice(0, WING.indexOf(wingRoomOf(path) as never) + 1);
      for (const from of imports) {
        if (roomOf(from) === 'gateway') expect(below, `${path} -> ${from}`).toContain(wingRoomOf(from));
      }
    },
  );

  it('import files that exist', () => {
    const paths = new Set(libFiles.map(({ path }) => path));
    for (const { path, imports } of libFiles) {
      for (const from of imports) expect(paths.has(from), `${path} -> ${from}`).toBe(true);
    }
    expect(libFiles.flatMap(({ imports }) => imports).length).toBeGreaterThan(100);
  });

  it('keep the gateway to the module and the door', () => {
    const outside = libFiles.filter(({ room }) => room !== 'gateway');
    const importers = outside.filter(({ imports }) => imports.some(from => roomOf(from) === 'gateway'));
    expect(importers.map(({ path }) => path)).toEqual(['fanout.module.ts', 'index.ts']);
    const ofModule = libFiles.filter(({ imports }) => imports.includes('fanout.module.ts'));
    expect(ofModule.map(({ path }) => path)).toEqual(['index.ts']);
  });

  it('know Nest and RxJS only in the gateway and the module', () => {
    const framework = /^(@nestjs\/|rxjs(\/|$)|reflect-metadata)/;
    const users = libFiles.filter(({ packages }) => packages.some(name => framework.test(name)));
    expect(users.filter(({ room, path }) => room !== 'gateway' && path !== 'fanout.module.ts')).toEqual([]);
    expect(users.length).toBeGreaterThan(5);
  });

  it('have no import cycle, and between rooms the table has none either', () => {
    const edges = libFiles.map(({ path, runtimeImports }) => [path, runtimeImports] as const);
    expect(cycleIn(new Map(edges))).toBeUndefined();
    // In the gateway no types go round in a circle either.
    const inWing = libFiles.filter(({ room }) => room === 'gateway');
    const withTypes = inWing.map(
      ({ path, imports }) => [path, imports.filter(from => roomOf(from) === 'gateway')] as const,
    );
    expect(cycleIn(new Map(withTypes))).toBeUndefined();
    expect(cycleIn(new Map(Object.entries(MAY)))).toBeUndefined();
  });

  it('write frames for clients in the room of protocols only', () => {
    const frame = /["'`{]\s*\\?"?event\\?"?:\s*["'`]|\\?"event\\?":/;
    const writers = libFiles.filter(({ code }) => frame.test(code)).map(({ path }) => path);
    expect(writers.filter(path => !path.startsWith('protocol/'))).toEqual([]);
    expect(writers).toContain('protocol/json.ts');
  });

  it('have types of frames that code for a browser can use', () => {
    const { imports, packages } = libFiles.find(({ path }) => path === 'protocol/frames.ts')!;
    expect([...imports, ...packages]).toEqual([]);
  });

  it('have short files: up to 300 lines', () => {
    expect(libFiles.filter(({ lines }) => lines > 300).map(({ path }) => path)).toEqual([]);
  });

  it('have names that say what is in them', () => {
    const vague = /(^|\/|-)(utils?|helpers?|common|misc|shared)(\/|-|\.|$)/;
    expect(libFiles.map(({ path }) => path).filter(path => vague.test(path))).toEqual([]);
  });
});

/** Use of time or chance that no test can hold. */
const RAW_TIME =
  /(?<![.#'\w])(set|clear)(Timeout|Interval|Immediate)\b|\bperformance\.|\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b/;

/** Lines that use raw time, without those that a comment excuses. */
function rawTimeIn(source: string): string[] {
  const lines = source.split('\n');
  return lines.filter(
    (line, i) =>
      RAW_TIME.test(line.replace(/^\s*(\/\/|\/?\*).*$/, '')) &&
      !lines[i - 1]?.includes('// Not of the injected clock:'),
  );
}

describe('time in lib', () => {
  it.each(libFiles.filter(({ room }) => room !== 'time'))(
    'comes from the injected clock: $path',
    ({ source }) => {
      expect(rawTimeIn(source)).toEqual([]);
    },
  );

  it.each([
    'const timer = setTimeout(act, 5);',
    'clearInterval(timer)',
    'run(setImmediate)',
    'performance.now()',
    'Date.now()',
    'new Date()',
    'Math.random()',
  ])('would be found to be raw: %s', line => {
    expect(rawTimeIn(line)).toEqual([line]);
    expect(rawTimeIn(`// Not of the injected clock: a reason\n${line}`)).toEqual([]);
  });
});

describe('cycleIn', () => {
  it('finds a cycle, and says which files are on it', () => {
    const imports = new Map([
      ['a', ['b']],
      ['b', ['c', 'd']],
      ['c', []],
      ['d', ['b']],
    ]);
    expect(cycleIn(imports)).toEqual(['b', 'd', 'b']);
    imports.set('d', ['c']);
    expect(cycleIn(imports)).toBeUndefined();
  });
});
