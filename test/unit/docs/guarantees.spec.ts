import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { testsIn } from '../support/spec-titles.js';
import { read, ROOT } from './markdown.js';

const PAGE = 'docs/guarantees.md';

/** `[^name]: [file](../path/of/file): title › title`. The titles may be the last ones only. */
const NOTE = /^\[\^([\w-]+)\]: \[([^\]]+)\]\(\.\.\/([^)]+)\): (.+)$/;

interface Note {
  readonly name: string;
  /** What the link shows. */
  readonly label: string;
  readonly path: string;
  readonly titles: readonly string[];
}

function isNote(line: string): boolean {
  return line.startsWith('[^');
}

/** What the page says, in paragraphs, items and cells; a cell in the first column or the first row of a table says nothing. */
function statements(markdown: string): string[] {
  const lines = markdown.split('\n');
  const said: string[] = [];
  let paragraph = '';
  const end = (): void => {
    if (paragraph !== '') said.push(paragraph);
    paragraph = '';
  };
  lines.forEach((line, i) => {
    const text = line.trim();
    const isTable = text.startsWith('|');
    const isItem = /^(-|\d+\.) /.test(text);
    if (text === '' || text.startsWith('#') || isNote(text) || isTable || isItem) end();
    if (isTable) {
      const isHead = /^\|[ :|-]+\|$/.test(text) || /^\|[ :|-]+\|$/.test(lines[i + 1]?.trim() ?? '');
      if (!isHead) said.push(...text.split('|').slice(2, -1));
    } else if (text !== '' && !text.startsWith('#') && !isNote(text))
      paragraph += ` ${text.replace(/^(-|\d+\.) /, '')}`;
  });
  end();
  return said.map(text => text.trim());
}

/** The sentences of a statement, each with the marks of the notes behind it. Code may have a full stop in it. */
function sentences(statement: string): string[] {
  const MARKED = /(?:`[^`]*`|[^`])+?[.](?:\[\^[\w-]+\])*(?=\s|$)|(?:`[^`]*`|[^`])+$/g;
  return [...statement.matchAll(MARKED)].map(([sentence]) => sentence.trim()).filter(text => text !== '');
}

/** Names of the notes right at the end of a sentence. */
function marksOf(sentence: string): string[] {
  const marks = /(?:\[\^[\w-]+\])+$/.exec(sentence)?.[0] ?? '';
  return [...marks.matchAll(/\[\^([\w-]+)\]/g)].map(([, name]) => name!);
}

const markdown = read(PAGE);
const said = statements(markdown).flatMap(sentences);
const noteLines = markdown.split('\n').filter(isNote);
const notes = noteLines.map((line): Note => {
  const [, name, label, path, titles] = NOTE.exec(line) ?? [];
  if (name === undefined) throw new Error(`${PAGE}: not a note: ${line}`);
  return { name, label: label!, path: path!, titles: titles!.split(' › ') };
});

describe(PAGE, () => {
  it('names a test behind every sentence', () => {
    expect(said.filter(sentence => marksOf(sentence).length === 0)).toEqual([]);
    expect(said.length).toBeGreaterThan(60);
  });

  it('has a note for each mark, and marks for each note, once', () => {
    const names = notes.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(new Set(said.flatMap(marksOf))).toEqual(new Set(names));
  });

  it.each(notes)('names a test that exists: $name', ({ label, path, titles }) => {
    expect(existsSync(ROOT + path), `${path} does not exist`).toBe(true);
    expect(path.endsWith(`/${label}`), `${label} links to ${path}`).toBe(true);
    const tests = testsIn(read(path)).filter(
      test => titles.join(' › ') === test.slice(-titles.length).join(' › '),
    );
    expect(tests, `${path} has one test "${titles.join(' › ')}"`).toHaveLength(1);
  });
});

describe('sentences', () => {
  it('are found in paragraphs, items and cells, and end behind their notes', () => {
    const page = `
# Title. Not a sentence.

One of \`a.b. c\`.[^a][^b] Two
goes on.[^c]

- Three: with more.[^d]
- Four

| Head. | Head. |
| ----- | ----- |
| Row.  | Five.[^e] Six.[^f] |

[^a]: [x](../y): z
`;
    const found = statements(page).flatMap(sentences);
    expect(found.map(sentence => [sentence, marksOf(sentence)])).toEqual([
      ['One of `a.b. c`.[^a][^b]', ['a', 'b']],
      ['Two goes on.[^c]', ['c']],
      ['Three: with more.[^d]', ['d']],
      ['Four', []],
      ['Five.[^e]', ['e']],
      ['Six.[^f]', ['f']],
    ]);
  });
});

describe('tests', () => {
  it('are found with the titles around them, whatever they are given', () => {
    const source = `
describe('a', () => {
  it('b', () => {});

  it.each([[')', "(", \`)\`], ['x' /* ( */]])('c %s', () => {});

  describe.each([f(1)])("d's", () => {
    it(
      'e',
      () => {},
    );
  });

  it.skip('f', () => {});
});

it(NAME, () => {});
it('g', () => {});
`;
    expect(testsIn(source)).toEqual([['a', 'b'], ['a', 'c %s'], ['a', "d's", 'e'], ['g']]);
  });
});
