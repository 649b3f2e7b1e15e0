import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/**
 * The package as plain JavaScript, for tests that need a process of their own: what FANOUT_ENTRY names, or a fresh
 * build where Node finds the dependencies of the repository.
 */
export function builtEntry(): string {
  if (process.env.FANOUT_ENTRY) return process.env.FANOUT_ENTRY;
  mkdirSync('node_modules/.cache', { recursive: true });
  const folder = mkdtempSync(join(process.cwd(), 'node_modules/.cache/fanout-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  execFileSync(process.execPath, [
    'node_modules/typescript/bin/tsc',
    '-p',
    'tsconfig.build.json',
    '--outDir',
    folder,
  ]);
  return join(folder, 'index.js');
}
