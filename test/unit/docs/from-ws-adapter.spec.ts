import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { testsIn } from '../../support/unit/spec-titles.js';
import { read, ROOT, sections } from './markdown.js';
import { faultsOf, notesIn } from './promises.js';

const PAGE = 'docs/from-ws-adapter.md';
const FOLDER = 'test/e2e/nest/';
const LABELS = ['`WsAdapter`', 'Here', 'Why', 'What to do'];

const notes = notesIn(PAGE);
const found = sections(read(PAGE));
const differences = found.filter(({ level }) => level === 3);
const same = found.find(({ title }) => title === 'What is the same')!;

/** Names of the notes behind the sentences of a text, without the notes themselves. */
function marksIn(text: string): string[] {
  return [...text.matchAll(/\[\^([\w-]+)\](?!:)/g)].map(([, name]) => name!);
}

/** List items of a section, each as one line. */
function items(body: string): string[] {
  return body
    .split(/^- /m)
    .slice(1)
    .map(item => item.replaceAll(/\s+/g, ' '));
}

describe(PAGE, () => {
  it.each(differences)(
    'says both behaviours, the reason and the remedy, and names a test: $title',
    section => {
      const labels = items(section.body).map(item => /^\*\*(.+?):\*\*/.exec(item)?.[1]);
      expect(labels).toEqual(LABELS);
      expect(marksIn(items(section.body)[1]!)).not.toEqual([]);
    },
  );

  it.each(items(same.body))('names a test of what is the same: %s', item => {
    expect(marksIn(item)).not.toEqual([]);
  });

  it('has a note for each mark, and marks for each note, once', () => {
    const names = notes.map(({ name }) => name);
    expect(names).toEqual([...new Set(names)]);
    expect(new Set(marksIn(read(PAGE)))).toEqual(new Set(names));
  });

  it.each(notes)('names a test that exists: $name', note => {
    expect(faultsOf(note)).toEqual([]);
  });

  it.each(readdirSync(ROOT + FOLDER).filter(file => file.startsWith('from-ws-adapter.')))(
    'names every test of %s',
    file => {
      const named = notes.filter(({ label }) => label === file).map(({ titles }) => titles.join(' › '));
      const tests = testsIn(read(FOLDER + file)).map(titles => titles.join(' › '));
      expect(tests.filter(test => !named.includes(test))).toEqual([]);
    },
  );
});
