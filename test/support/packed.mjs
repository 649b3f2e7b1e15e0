// What the runners share that install the packed package as an application would: folders below the system's temporary
// directory, which are kept and used again, and Node binaries from the registry.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the repository. */
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** Manifest of the repository. */
export const manifest = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Runs a command to its end and gives its status and output. Throws with its output when it fails, unless it may. */
export function run(command, args, { mayFail = false, timeout = 600_000, ...options } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    const chunks = { stdout: [], stderr: [] };
    for (const name of ['stdout', 'stderr']) child[name].on('data', chunk => chunks[name].push(chunk));
    const timer = setTimeout(() => child.kill('SIGKILL'), timeout);
    child.once('error', reject);
    child.once('close', (status, signal) => {
      clearTimeout(timer);
      const bytes = Buffer.concat(chunks.stdout);
      const result = { status, bytes, stdout: String(bytes), stderr: String(Buffer.concat(chunks.stderr)) };
      if (status === 0 || mayFail) return resolve(result);
      const how = signal === null ? `failed (${status})` : `was ended by ${signal}`;
      reject(new Error(`${command} ${args.join(' ')} ${how}:\n${result.stdout}\n${result.stderr}`));
    });
  });
}

/** Builds and packs the repository. The name of the tarball tells its content, so that npm takes a new one for new. */
export async function pack(cache) {
  mkdirSync(cache, { recursive: true });
  await run('npm', ['run', '--silent', 'build'], { cwd: ROOT });
  const { stdout } = await run('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', cache], {
    cwd: ROOT,
  });
  const file = join(cache, stdout.trim().split('\n').at(-1));
  // The content without the time stamp of its compression.
  const { bytes } = await run('tar', ['-xzOf', file]);
  const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 12);
  const target = join(cache, `${manifest.name}-${digest}.tgz`);
  cpSync(file, target);
  return target;
}

/** A Node binary of that major version: the one this runs on, or one from the registry. */
export async function installNode(cache, major) {
  if (process.versions.node.startsWith(`${major}.`)) return process.execPath;
  const folder = join(cache, `node-${major}`);
  await install(folder, { private: true, dependencies: { node: `^${major}.0.0` } });
  return join(folder, 'node_modules/node/bin/node');
}

/** Environment in which `node`, `npm` and `npx` run on that binary. */
export function environmentOf(binary) {
  return { ...process.env, NO_COLOR: '1', PATH: `${dirname(binary)}${delimiter}${process.env.PATH}` };
}

/** Runs `npm install` unless the folder has exactly this already; tells whether it did. */
export async function install(folder, packageJson) {
  const text = JSON.stringify(packageJson, null, 2);
  const stamp = join(folder, '.installed');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === text) return false;
  rmSync(stamp, { force: true });
  mkdirSync(folder, { recursive: true });
  // A lock of before would hold npm to the tarball of before.
  rmSync(join(folder, 'package-lock.json'), { force: true });
  writeFileSync(join(folder, 'package.json'), text);
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund'], { cwd: folder });
  writeFileSync(stamp, text);
  return true;
}

/** Version of a package that is installed in a folder. */
export function versionIn(folder, name) {
  return JSON.parse(readFileSync(join(folder, 'node_modules', name, 'package.json'), 'utf8')).version;
}
