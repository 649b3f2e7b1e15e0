import { existsSync } from 'node:fs';
import { testsIn } from '../../support/unit/spec-titles.js';
import { read, ROOT } from './markdown.js';

/** `[^name]: [file](../path/of/file): title › title`. The titles may be the last ones only. */
const NOTE = /^\[\^([\w-]+)\]: \[([^\]]+)\]\(\.\.\/([^)]+)\): (.+)$/;

/** Names the test that holds a sentence. */
export interface Note {
  readonly name: string;
  /** What the link shows. */
  readonly label: string;
  readonly path: string;
  readonly titles: readonly string[];
}

/** Whether a line is one. */
function isNote(line: string): boolean {
  return line.startsWith('[^');
}

/** What the page says, in paragraphs, items and cells; a cell in the first column or the first row of a table says nothing. */
export function statements(markdown: string): string[] {
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
export function sentences(statement: string): string[] {
  const MARKED = /(?:`[^`]*`|[^`])+?[.](?:\[\^[\w-]+\])*(?=\s|$)|(?:`[^`]*`|[^`])+$/g;
  return [...statement.matchAll(MARKED)].map(([sentence]) => sentence.trim()).filter(text => text !== '');
}

/** Names of the notes right at the end of a sentence. */
export function marksOf(sentence: string): string[] {
  const marks = /(?:\[\^[\w-]+\])+$/.exec(sentence)?.[0] ?? '';
  return [...marks.matchAll(/\[\^([\w-]+)\]/g)].map(([, name]) => name!);
}

/** The notes of a page, wherever they are. */
export function notesIn(page: string): Note[] {
  return read(page)
    .split('\n')
    .filter(isNote)
    .map(line => {
      const [, name, label, path, titles] = NOTE.exec(line) ?? [];
      if (name === undefined) throw new Error(`${page}: not a note: ${line}`);
      return { name, label: label!, path: path!, titles: titles!.split(' › ') };
    });
}

/** What is wrong with a note: it has to name one test, in a file that exists. */
export function faultsOf({ label, path, titles }: Note): string[] {
  if (!existsSync(ROOT + path)) return [`${path} does not exist`];
  const wanted = titles.join(' › ');
  const tests = testsIn(read(path)).filter(test => wanted === test.slice(-titles.length).join(' › '));
  return [
    ...(path.endsWith(`/${label}`) ? [] : [`${label} links to ${path}`]),
    ...(tests.length === 1 ? [] : [`${path} has ${tests.length} tests "${wanted}"`]),
  ];
}
