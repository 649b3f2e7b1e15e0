import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { onTestFinished } from 'vitest';

const require = createRequire(import.meta.url);

/** Imports packages of Nest from copies of their folders, as an installation with two versions has them. */
export async function secondCopyOf<T>(name: '@nestjs/common' | '@nestjs/websockets'): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'second-copy-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  // Nest 12 exports no package.json, and the main file of each of its packages is at the top.
  const modules = join(dirname(require.resolve('@nestjs/core')), '..', '..');
  const copies = join(folder, 'node_modules');
  mkdirSync(join(copies, '@nestjs'), { recursive: true });
  for (const entry of readdirSync(modules))
    if (entry !== '@nestjs' && !entry.startsWith('.')) symlinkSync(join(modules, entry), join(copies, entry));
  for (const entry of readdirSync(join(modules, '@nestjs'))) {
    const [from, to] = [join(modules, '@nestjs', entry), join(copies, '@nestjs', entry)];
    if (`@nestjs/${entry}` === name) cpSync(from, to, { recursive: true });
    else symlinkSync(from, to);
  }
  return (await import(pathToFileURL(join(copies, name, 'index.js')).href)) as T;
}
