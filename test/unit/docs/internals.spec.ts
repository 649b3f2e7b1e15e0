import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { NEST_INTERNALS } from '../../../lib/gateway/nest/internals.js';
import { INTERNALS } from '../../../lib/ws/internals.js';

const page = readFileSync(fileURLToPath(new URL('../../../docs/internals.md', import.meta.url)), 'utf8');

/** Cells of the rows of the tables, without their heads. */
const rows = page
  .split('\n')
  .filter(line => line.startsWith('| '))
  .map(line =>
    line
      .split('|')
      .slice(1, -1)
      .map(cell => cell.trim()),
  )
  .filter(([first]) => first !== 'Part' && !first!.startsWith('---'));

describe('docs/internals.md', () => {
  it('lists each private part of ws and Node that is checked, and its effect', () => {
    const listed = rows.filter(({ length }) => length === 3).map(([name, , without]) => ({ name, without }));
    expect(listed).toEqual(INTERNALS.map(({ name, without }) => ({ name, without })));
  });

  it('lists each private part of Nest that is checked, its effect, and whether the start fails', () => {
    const listed = rows
      .filter(({ length }) => length === 4)
      .map(([name, , without, then]) => ({ name, without, protects: then === 'no start' }));
    expect(listed).toEqual(
      NEST_INTERNALS.map(({ name, without, protects }) => ({ name, without, protects })),
    );
  });
});
