// Packs the built package and runs the e2e suite against it, as an application would have installed it: Nest 11 on Node 20,
// Nest 12 on Node 24, and Nest 12 on Node 20 over TLS, so that each version has its turn. Folders are kept below the
// system's temporary directory and used again.
//
//   node test/matrix/run.mjs [--all] [--nest 11|12] [--node 20|24] [--tls] [file or name filter of vitest ...]
//
// --all runs each Nest on each Node, and the TLS pass; --tls runs the TLS pass alone. FANOUT_MATRIX_EXCLUDE: globs, separated by commas, of specs to leave out; by default
// those that need a browser, Python, the sample or a busy process, which the Nest version does not touch.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CACHE = join(tmpdir(), 'nestjs-fanout-matrix');
const NESTS = ['11', '12'];
const NODES = ['20', '24'];
/** What runs unless more is asked for. */
const USUAL = [
  { nest: '11', node: '20' },
  { nest: '12', node: '24' },
];
/** Where the suite runs over wss as well: the version that is developed with. */
const TLS = { nest: '12', node: '20' };
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

const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
mkdirSync(CACHE, { recursive: true });
const tarball = pack();
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

/** Builds and packs the repository; the name of the tarball tells its content, so that npm takes a new one for new. */
function pack() {
  run('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  const packed = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', CACHE], {
    cwd: ROOT,
  });
  const file = join(CACHE, packed.stdout.trim().split('\n').at(-1));
  const target = join(CACHE, `${manifest.name}-${digest(contentOf(file))}.tgz`);
  cpSync(file, target);
  return target;
}

/** What is in a tarball, without the time stamp of its compression. */
function contentOf(file) {
  return run('tar', ['-xzOf', file], { encoding: 'buffer' }).stdout;
}

function digest(content) {
  return createHash('sha256').update(content).digest('hex').slice(0, 12);
}

/** Runs the suite in one cell, prints its line and tells whether it passed. */
function test({ nest, node, tls = false }) {
  const name = `nest ${nest} · node ${node}${tls ? ' · tls' : ''}`;
  const start = performance.now();
  const folder = installNest(nest);
  const binary = installNode(node);
  copySuite(folder);
  const entry = join(folder, 'node_modules', manifest.name, 'dist/index.js');
  const excluded = EXCLUDE.flatMap(glob => ['--exclude', glob]);
  const { status, stdout, stderr } = run(
    binary,
    ['node_modules/vitest/vitest.mjs', 'run', '--project', 'e2e', ...excluded, ...filters],
    {
      cwd: folder,
      env: { ...process.env, NO_COLOR: '1', FANOUT_ENTRY: entry, FANOUT_TLS: tls ? '1' : '' },
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

/** A folder with the package, Nest of that major version and what the suite imports. */
function installNest(major) {
  const folder = join(CACHE, `nest-${major}`);
  const dependencies = { [manifest.name]: `file:${tarball}`, ...manifest.dependencies };
  for (const [name, range] of Object.entries(manifest.devDependencies)) {
    if (TOOLS.includes(name)) continue;
    dependencies[name] =
      name.startsWith('@nestjs/') && !range.startsWith(`^${major}.`) ? `^${major}.0.0` : range;
  }
  install(folder, { private: true, type: 'module', dependencies });
  const { version } = JSON.parse(
    readFileSync(join(folder, 'node_modules/@nestjs/core/package.json'), 'utf8'),
  );
  if (!version.startsWith(`${major}.`))
    throw new Error(`Nest ${major} was asked for, ${version} is installed`);
  return folder;
}

/** A Node binary of that major version: the one this runs on, or one from the registry. */
function installNode(major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = join(CACHE, `node-${major}`);
  install(folder, { private: true, dependencies: { node: `^${major}.0.0` } });
  return join(folder, 'node_modules/node/bin/node');
}

/** Runs `npm install` unless the folder has exactly this already. */
function install(folder, packageJson) {
  const text = JSON.stringify(packageJson, null, 2);
  const stamp = join(folder, '.installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === text) return;
  rmSync(stamp, { force: true });
  mkdirSync(folder, { recursive: true });
  // A lock of before would hold npm to the tarball of before.
  rmSync(join(folder, 'package-lock.json'), { force: true });
  writeFileSync(join(folder, 'package.json'), text);
  run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder });
  writeFileSync(stamp, text);
}

/** The suite, without lib/: nothing but the installed package can be under test. */
function copySuite(folder) {
  rmSync(join(folder, 'test'), { recursive: true, force: true });
  for (const path of ['test/e2e', 'test/support', 'test/tsconfig.json', 'tsconfig.json', 'vitest.config.ts'])
    cpSync(join(ROOT, path), join(folder, path), { recursive: true });
}

function versionsOf(folder, binary) {
  const version = name =>
    JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
  const node = run(binary, ['--version']).stdout.trim();
  return `@nestjs/core ${version('@nestjs/core')}, ws ${version('ws')}, node ${node}`;
}

/** Runs a command to its end; throws with its output when it fails. */
function run(command, args, { mayFail = false, ...options } = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 27, ...options });
  if (result.error) throw result.error;
  if (result.status !== 0 && !mayFail)
    throw new Error(`${command} ${args.join(' ')} failed:\n${result.stdout}\n${result.stderr}`);
  return result;
}
