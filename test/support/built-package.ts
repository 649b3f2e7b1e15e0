import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The package as plain JavaScript, for tests that need a process of their own. */
export interface BuiltPackage {
  /** Path of its `index.js`. */
  readonly entry: string;
  remove(): void;
}

/** What FANOUT_ENTRY names, or a fresh build where Node finds the dependencies of the repository. */
export function buildPackage(): BuiltPackage {
  if (process.env.FANOUT_ENTRY) return { entry: process.env.FANOUT_ENTRY, remove() {} };
  mkdirSync('node_modules/.cache', { recursive: true });
  const folder = mkdtempSync(join(process.cwd(), 'node_modules/.cache/fanout-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const compiler = ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', folder];
  const { status, stdout } = spawnSync(process.execPath, compiler, { encoding: 'utf8' });
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  if (status !== 0) {
    remove();
    throw new Error(`the package does not compile:\n${stdout}`);
  }
  return { entry: join(folder, 'index.js'), remove };
}
