import { describe, expect, it } from 'vitest';
import { read } from './markdown.js';

const PAGE = 'docs/decisions/001-dependencies.md';
const KINDS = ['dependencies', 'peerDependencies', 'devDependencies', 'optionalDependencies'] as const;

const manifest = JSON.parse(read('package.json')) as Partial<Record<(typeof KINDS)[number], object>>;
const installed = [...new Set(KINDS.flatMap(kind => Object.keys(manifest[kind] ?? {})))].sort();

/** The packages named in the first column of the page's tables, but for the table of what we did without. */
function accountedFor(): string[] {
  const [tables] = read(PAGE).split('## What we did without');
  const cells = [...tables!.matchAll(/^\| (`[^|]+) \|/gm)].map(([, cell]) => cell!);
  return cells.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)).sort();
}

describe(PAGE, () => {
  it('accounts for every dependency of package.json, and for no other', () => {
    expect(accountedFor()).toEqual(installed);
  });
});
