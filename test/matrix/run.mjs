// Packs the built package and runs the e2e suite against it, as an application would have installed it: Nest 11 on Node 24,
// and Nest 12 on Node 24 over TLS. The repository's own run is Nest 12 on Node 20, so each version has its turn. On the
// first versions of both majors, with the oldest ws of the range, runs what depends on how Nest builds enhancers and on private parts. Folders are kept below the system's temporary directory and used again.
//
//   node test/matrix/run.mjs [--all] [--nest 11|12|11.0.0|12.0.0] [--node 20|24] [--tls] [file or name filter of vitest ...]
//
// --all runs each Nest on each Node, and the TLS pass; --tls runs the TLS pass alone. FANOUT_MATRIX_EXCLUDE: globs, separated by commas, of specs to leave out; by default
// those that need a browser, Python, the sample or a busy process, which the Nest version does not touch.
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import {
  cacheFolder,
  install,
  installNode,
  manifest,
  pack,
  ROOT,
  run,
  versionIn,
} from '../support/installation.mjs';

const CACHE = cacheFolder('matrix');
const NESTS = ['11', '12', '11.0.0', '12.0.0'];
/** The first versions of the peer range. Some packages of Nest took its core of that version as a peer later only. */
const FIRST = {
  '11.0.0': { '@nestjs/platform-fastify': '11.0.3', '@nestjs/platform-ws': '11.0.5' },
  '12.0.0': {
    '@nestjs/platform-express': '12.0.1',
    '@nestjs/platform-fastify': '12.0.1',
    '@nestjs/platform-ws': '12.0.1',
    '@nestjs/testing': '12.0.1',
    '@nestjs/websockets': '12.0.1',
  },
};
/** What runs on them, with the oldest `ws`: all that depends on how Nest builds and asks enhancers, and the private parts. */
const ON_FIRST = [
  'test/e2e/nest/internals',
  'test/e2e/nest/protection',
  'test/e2e/nest/handshake-guards',
  'test/e2e/nest/nest-promises',
];
const NODES = ['20', '24'];
/** What runs unless more is asked for. */
const USUAL = [
  { nest: '11', node: '24' },
  { nest: '11.0.0', node: '20' },
  { nest: '12.0.0', node: '24' },
];
/** Where the suite runs over wss as well. */
const TLS = { nest: '12', node: '24' };
/** What runs over TLS: all that reads and writes sockets. */
const OVER_TLS = [
  'test/attacks/portable',
  'test/e2e/delivery',
  'test/e2e/nest/admission',
  'test/e2e/nest/handshake',
  'test/e2e/nest/lifecycle',
  'test/e2e/nest/upgrades',
];
/** What the repository is built and checked with; the suite needs none of it. */
const TOOLS = ['@arethetypeswrong/cli', 'oxlint', 'playwright-core', 'prettier', 'publint', 'typescript'];
const EXCLUDE = (
  process.env.FANOUT_MATRIX_EXCLUDE ?? 'test/e2e/clients/**,test/e2e/sample/**,test/e2e/nest/load.spec.ts'
)
  .split(',')
  .filter(Boolean);

const { values: wanted, positionals: filters } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    nest: { type: 'string' },
    node: { type: 'string' },
    tls: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
assertKnown('--nest', wanted.nest, NESTS);
assertKnown('--node', wanted.node, NODES);

const tarball = pack(CACHE);
const results = cells().map(test);
process.exitCode = results.every(Boolean) ? 0 : 1;

function assertKnown(option, value, known) {
  if (value === undefined || known.includes(value)) return;
  console.error(`${option} must be one of ${known.join(', ')}; got ${value}.`);
  process.exit(2);
}

/** The cells that the options ask for. */
function cells() {
  const { all, nest, node, tls } = wanted;
  if (tls) return [{ nest: nest ?? TLS.nest, node: node ?? TLS.node, tls }];
  const every = NESTS.flatMap(nestMajor => NODES.map(nodeMajor => ({ nest: nestMajor, node: nodeMajor })));
  // Whoever names a version wants it, whatever is usual.
  const plain = all || nest !== undefined || node !== undefined ? every : USUAL;
  return [...plain, { ...TLS, tls: true }].filter(
    cell => (nest ?? cell.nest) === cell.nest && (node ?? cell.node) === cell.node,
  );
}

/** Runs the suite in one cell, prints its line and tells whether it passed. */
function test({ nest, node, tls = false }) {
  const name = `nest ${nest} · node ${node}${tls ? ' · tls' : ''}`;
  const start = performance.now();
  const folder = installNest(nest);
  const binary = installNode(CACHE, node);
  copySuite(folder);
  const entry = join(folder, 'node_modules', manifest.name, 'dist/index.js');
  const usual = nest in FIRST ? ON_FIRST : tls ? OVER_TLS : [];
  const chosen = filters.length === 0 ? usual : filters;
  const excluded = EXCLUDE.flatMap(glob => ['--exclude', glob]);
  const { status, stdout, stderr } = run(
    binary,
    ['node_modules/vitest/vitest.mjs', 'run', '--project', 'e2e', ...excluded, ...chosen],
    {
      cwd: folder,
      env: {
        ...process.env,
        NO_COLOR: '1',
        FANOUT_ENTRY: entry,
        FANOUT_TLS: tls ? '1' : '',
        // The repository's own run has the rest of the random gateways.
        FANOUT_PROPERTY_RUNS: process.env.FANOUT_PROPERTY_RUNS ?? '20',
      },
      mayFail: true,
    },
  );
  const [, tests = 'no tests'] = /^\s*Tests\s+(.*)$/m.exec(stdout) ?? [];
  const seconds = Math.round((performance.now() - start) / 1000);
  console.log(
    `${status === 0 ? 'ok    ' : 'FAILED'} ${name}: ${tests} in ${seconds} s (${versionsOf(folder, binary)})`,
  );
  if (status !== 0) console.log(`${stdout}\n${stderr}`.replace(/^.*✓.*\n/gm, ''));
  return status === 0;
}

/** A folder with the package, Nest of that version and what the suite imports. */
function installNest(version) {
  const folder = join(CACHE, `nest-${version}`);
  const dependencies = { [manifest.name]: `file:${tarball}`, ...manifest.dependencies };
  for (const [name, range] of Object.entries(manifest.devDependencies)) {
    if (TOOLS.includes(name)) continue;
    dependencies[name] = name.startsWith('@nestjs/') ? nestRange(name, range, version) : range;
  }
  if (version in FIRST) dependencies.ws = oldest(manifest.dependencies.ws);
  mkdirSync(folder, { recursive: true });
  // The core 12.0.0 names 11 as its peer by mistake.
  writeFileSync(join(folder, '.npmrc'), `legacy-peer-deps=${version in FIRST}\n`);
  install(folder, { private: true, type: 'module', dependencies });
  const installed = versionIn(folder, '@nestjs/core');
  if (!installed.startsWith(version.includes('.') ? version : `${version}.`))
    throw new Error(`Nest ${version} was asked for, ${installed} is installed`);
  return folder;
}

/** The oldest version of a range such as `^8.23.0`. */
function oldest(range) {
  return range.replace(/^\^/, '');
}

/** The version of one of Nest's packages: the first of a major exactly, else the newest of it. */
function nestRange(name, range, version) {
  // These have numbers of their own.
  const isApart = ['@nestjs/jwt', '@nestjs/passport'].includes(name);
  if (version in FIRST && !isApart) return FIRST[version][name] ?? version;
  const [major] = version.split('.');
  return range.startsWith(`^${major}.`) ? range : `^${major}.0.0`;
}

/** The suite, without lib/: nothing but the installed package can be under test. */
function copySuite(folder) {
  rmSync(join(folder, 'test'), { recursive: true, force: true });
  for (const path of [
    'test/e2e',
    'test/attacks/portable',
    'test/support',
    'test/tsconfig.json',
    'tsconfig.json',
    'vitest.config.ts',
  ])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
}

function versionsOf(folder, binary) {
  const node = run(binary, ['--version']).stdout.trim();
  return `@nestjs/core ${versionIn(folder, '@nestjs/core')}, ws ${versionIn(folder, 'ws')}, node ${node}`;
}
