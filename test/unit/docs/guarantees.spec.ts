import { describe, expect, it } from 'vitest';
import { testsIn } from '../../support/unit/spec-titles.js';
import { read } from './markdown.js';
import { faultsOf, marksOf, notesIn, sentences, statements } from './promises.js';

const PAGE = 'docs/guarantees.md';

const said = statements(read(PAGE)).flatMap(sentences);
const notes = notesIn(PAGE);

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

  it.each(notes)('names a test that exists: $name', note => {
    expect(faultsOf(note)).toEqual([]);
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
