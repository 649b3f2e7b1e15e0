// Packs the built package and installs it in folders below the system's temporary directory, as an application would.
// A folder is used again while its package.json is the same.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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

/** Runs `npm install` unless the folder has exactly this already. */
export function install(folder, packageJson) {
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
