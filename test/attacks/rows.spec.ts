import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, it } from 'vitest';

const FOLDER = 'test/attacks';

/** Rows of the attack table that wait for parts which do not exist yet. */
const WAITING = ['A27', 'A44'];

/** Rows whose attack works against WsAdapter. */
const CONTROLLED = 'A2 A7 A8 A9 A10 A11 A12 A16 A17 A20 A34 A35 A36 A37 A38 A39 A41'.split(' ');

const rows = [
  ...readFileSync(`${FOLDER}/README.md`, 'utf8').matchAll(/^\| (A\d+) +\|[^|]*\|([^|]*)\|$/gm),
].map(([, row, where]) => ({
  row: row!,
  files: [...where!.matchAll(/`([^`]+)`/g)].map(([, file]) => file!),
}));

/** What a spec describes, block by block. */
const blocksOf = (file: string): string[] => readFileSync(file, 'utf8').split(/^(?=describe\()/m);

/** The rows at the beginning of the title of a block: `A7, A8 many tiny fragments`. */
function rowsInBlock(block: string): string[] {
  const list = /^describe\(\s*['"`]((?:A\d+(?:, )?)+)/.exec(block)?.[1];
  return list === undefined ? [] : list.trim().split(', ');
}

const rowsIn = (file: string): string[] => blocksOf(file).flatMap(rowsInBlock);

it('README.md has every row once, in order', () => {
  expect(rows.map(({ row }) => row)).toEqual(Array.from({ length: 45 }, (_, i) => `A${i + 1}`));
});

it.each(rows)('$row is tested where README.md says', ({ row, files }) => {
  expect(files.length > 0).toBe(!WAITING.includes(row));
  for (const file of files) {
    expect(existsSync(file), `${file} does not exist`).toBe(true);
    if (dirname(file) === FOLDER) expect(rowsIn(file), file).toContain(row);
  }
});

it('README.md names every test', () => {
  const named = new Set(rows.flatMap(({ row, files }) => files.map(file => `${row} ${file}`)));
  const specs = readdirSync(FOLDER).filter(name => name.endsWith('.spec.ts') && name !== 'rows.spec.ts');
  for (const spec of specs) {
    const file = `${FOLDER}/${spec}`;
    expect(rowsIn(file).length, file).toBeGreaterThan(0);
    for (const row of rowsIn(file)) expect(named, `${row} ${file}`).toContain(`${row} ${file}`);
  }
});

it.each(CONTROLLED)('%s has a control', row => {
  const blocks = rows
    .find(other => other.row === row)!
    .files.filter(file => dirname(file) === FOLDER)
    .flatMap(blocksOf);
  const own = blocks.filter(block => rowsInBlock(block).includes(row));
  expect(own.some(block => block.includes('control: '))).toBe(true);
});
