import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Declarations, unexportedTypes } from '../support/unit/unexported-types.js';

describe('nestjs-fanout', () => {
  let declarations: Declarations;

  beforeAll(() => {
    declarations = new Declarations();
  }, 60_000);

  afterAll(() => declarations.remove());

  it('exports every type that an exported declaration names', { timeout: 30_000 }, () => {
    expect(unexportedTypes(declarations.folder)).toEqual([]);
  });

  it('would be found to lack an export', { timeout: 30_000 }, () => {
    const index = join(declarations.folder, 'index.d.ts');
    const text = readFileSync(index, 'utf8');
    const without = text.replace(/^export type { Handshake } .*$/m, '');
    expect(without).not.toBe(text);
    writeFileSync(index, without);
    expect(unexportedTypes(declarations.folder)).toContain('Handshake, named by Connection');
  });
});
