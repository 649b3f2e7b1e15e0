// Packs the built package and installs it in folders below the system's temporary directory, as an application would.
// A folder is used again while its package.json is the same.
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The package.json of the repository. */
export const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** A folder below the system's temporary directory. */
export function cacheFolder(name) {
  const folder = join(tmpdir(), `${manifest.name}-${name}`);
  mkdirSync(folder, { recursive: true });
  return folder;
}

/** Builds and packs the repository; the name of the tarball tells its content, so that npm takes a new one for new. */
export function pack(folder) {
  run('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  const packed = run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: ROOT,
  });
  const file = join(folder, packed.stdout.trim().split('\n').at(-1));
  const target = join(folder, `${manifest.name}-${digest(contentOf(file))}.tgz`);
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

const NPM_INSTALL = ['install', '--prefer-offline', '--no-audit', '--no-fund'];

/** Runs `npm install` unless the folder has exactly this already. */
export function install(folder, packageJson) {
  if (isInstalled(folder, packageJson)) return;
  prepare(folder, packageJson);
  run('npm', NPM_INSTALL, { cwd: folder });
  stamp(folder, packageJson);
}

/** Like {@link install}, beside other work. Tells whether there was something to install. */
export async function installBeside(folder, packageJson) {
  if (isInstalled(folder, packageJson)) return false;
  prepare(folder, packageJson);
  await runBeside('npm', NPM_INSTALL, { cwd: folder });
  stamp(folder, packageJson);
  return true;
}

const stampIn = folder => join(folder, '.installed');
const textOf = packageJson => JSON.stringify(packageJson, null, 2);

function isInstalled(folder, packageJson) {
  return existsSync(stampIn(folder)) && readFileSync(stampIn(folder), 'utf8') === textOf(packageJson);
}

function prepare(folder, packageJson) {
  rmSync(stampIn(folder), { force: true });
  mkdirSync(folder, { recursive: true });
  // A lock of before would hold npm to the tarball of before.
  rmSync(join(folder, 'package-lock.json'), { force: true });
  writeFileSync(join(folder, 'package.json'), textOf(packageJson));
}

function stamp(folder, packageJson) {
  writeFileSync(stampIn(folder), textOf(packageJson));
}

/** A Node binary of that major version: the one this runs on, or one from the registry. */
export function installNode(cache, major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = join(cache, `node-${major}`);
  install(folder, { private: true, dependencies: { node: `^${major}.0.0` } });
  return join(folder, 'node_modules/node/bin/node');
}

/** Environment in which `node`, `npm` and `npx` run on that binary. */
export function environmentOf(binary) {
  return { ...process.env, NO_COLOR: '1', PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` };
}

/** Version of a package that is installed in a folder. */
export function versionIn(folder, name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}

/** Runs a command to its end; throws with its output when it fails. */
export function run(command, args, { mayFail = false, ...options } = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 2 ** 27, ...options });
  if (result.error) throw result.error;
  if (result.status !== 0 && !mayFail)
    throw new Error(`${command} ${args.join(' ')} failed:\n${result.stdout}\n${result.stderr}`);
  return result;
}

/** Runs a command to its end, beside other work. Rejects with its output when it fails or takes too long. */
export function runBeside(command, args, { mayFail = false, timeout = 600_000, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout, ...options });
    const result = { status: null, stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'])
      child[name].setEncoding('utf8').on('data', text => (result[name] += text));
    child.once('error', reject);
    child.once('close', (status, signal) => {
      result.status = status;
      if (status === 0 || mayFail) return resolve(result);
      const how = signal === null ? 'failed' : `was ended by ${signal}`;
      reject(new Error(`${command} ${args.join(' ')} ${how}:\n${result.stdout}\n${result.stderr}`));
    });
  });
}
