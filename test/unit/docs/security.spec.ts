import { describe, expect, it } from 'vitest';
import { REJECTION_CAUSES } from '../../../lib/observe/rejections.js';
import { CLOSE } from '../../../lib/errors/close-codes.js';
import { REFUSALS } from '../../../lib/errors/refusals.js';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import { read, sections } from './markdown.js';
import { faultsOf, marksOf, notesIn, sentences, statements } from './promises.js';

const PAGE = 'docs/security.md';
const ATTACKS = 'test/attacks/README.md';

const page = read(PAGE);
const notes = notesIn(PAGE);

function section(title: string): string {
  const [found] = sections(page).filter(other => other.title === title);
  expect(found, `${PAGE} has "${title}"`).toBeDefined();
  return found!.body;
}

/** The cells of the tables of a section, row by row, without the heads. */
function rowsOf(title: string): string[][] {
  const lines = section(title)
    .split('\n')
    .filter(line => line.startsWith('|'));
  const isRule = (line: string | undefined): boolean => /^\|[ :|-]+\|$/.test(line ?? '');
  return lines
    .filter((line, i) => !isRule(line) && !isRule(lines[i + 1]))
    .map(line =>
      line
        .slice(1, -1)
        .split('|')
        .map(cell => cell.trim()),
    );
}

/** What stands in back quotes. */
function quoted(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, inside]) => inside!);
}

describe(`${PAGE}: what is promised`, () => {
  const body = section('What is promised');
  const said = statements(body.slice(body.indexOf('\n- '))).flatMap(sentences);

  it('names a test behind every sentence of its list', () => {
    expect(said.filter(sentence => marksOf(sentence).length === 0)).toEqual([]);
    expect(said.length).toBeGreaterThan(15);
  });

  it('has a note for each mark, and marks for each note, once', () => {
    const names = notes.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(new Set(said.flatMap(marksOf))).toEqual(new Set(names));
  });

  it.each(notes)('names a test that exists: $name', note => {
    expect(faultsOf(note)).toEqual([]);
  });
});

describe(`${PAGE}: limits`, () => {
  const rows = rowsOf('Limits');
  const options = rows.filter(([first]) => first!.startsWith('`limits.'));

  it('has every limit with its default, in the order of the code', () => {
    const limits = Object.entries(resolveOptions().limits).map(([name, value]) => [
      `\`limits.${name}\``,
      `\`${String(value)}\``,
    ]);
    expect(options.map(([name, value]) => [name, value])).toEqual(limits);
  });

  it('has every cause that is counted, and no other', () => {
    const causes = rows.flatMap(row => quoted(row.at(-1)!));
    expect([...new Set(causes)].sort()).toEqual(Object.keys(REJECTION_CAUSES).sort());
  });

  it('names no close code and no error frame that does not exist', () => {
    const seen = rows.flatMap(row => quoted(row.at(-2)!));
    const closes = seen.filter(name => name.startsWith('CLOSE.')).map(name => name.slice(6));
    const errors = seen.filter(name => /^[A-Z_]+$/.test(name));
    expect(Object.keys(CLOSE)).toEqual(expect.arrayContaining(closes));
    expect(Object.keys(REFUSALS)).toEqual(expect.arrayContaining(errors));
    expect(closes.length).toBeGreaterThan(5);
    expect(errors.length).toBeGreaterThan(5);
  });
});

describe(`${PAGE}: attacks`, () => {
  const rows = rowsOf('Attacks');

  it('has every row once, in order', () => {
    expect(rows.map(([row]) => row)).toEqual(Array.from({ length: 45 }, (_, i) => `A${i + 1}`));
  });

  // Whether they exist and try that row, test/attacks/rows.spec.ts knows.
  it(`names the tests that ${ATTACKS} does, or what the row waits for`, () => {
    const named = rows.map(row => [row[0]!, linksIn(row.at(-1)!), waits(row.at(-1)!)]);
    const listed = [...read(ATTACKS).matchAll(/^\| (A\d+) +\|[^|]*\|([^|]*)\|$/gm)].map(([, row, where]) => [
      row!,
      quoted(where!),
      waits(where!.trim()),
    ]);
    expect(named).toEqual(listed);
  });

  function linksIn(cell: string): string[] {
    return [...cell.matchAll(/\]\(\.\.\/([^)]+)\)/g)].map(([, path]) => path!);
  }

  function waits(cell: string): string | undefined {
    return cell.startsWith('waits for ') ? cell : undefined;
  }
});
