import { describe, expect, it } from 'vitest';
import { libFiles } from '../support/unit/lib-files.js';

/** First words of a doc comment that must be read twice. A doc comment begins with a noun or a verb. */
const OPENERS =
  /^(?:As|Because|Everybody|For|How|If|It|Its|Neither|Nobody|None|Of|That|There|They|This|Those|What|Whatever|When|Where|Whether|Which|Who|Whoever|Whom|Whose)\b/;

interface DocComment {
  readonly line: number;
  readonly text: string;
}

/** Doc comments of a source, each as one line of text. */
function docCommentsOf(source: string): DocComment[] {
  return [...source.matchAll(/\/\*\*([^]*?)\*\//g)].map(({ index, 1: text }) => ({
    line: source.slice(0, index).split('\n').length,
    text: text!.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim(),
  }));
}

/** Comments that begin with one of {@link OPENERS}, with their place. */
function badOpeners(path: string, source: string): string[] {
  return docCommentsOf(source)
    .filter(({ text }) => OPENERS.test(text))
    .map(({ line, text }) => `lib/${path}:${line} ${text.slice(0, 100)}`);
}

describe('doc comments', () => {
  it('are found on one line and on several, without line comments', () => {
    const source =
      '// Who\n/** Name of a room. */\nconst room = 1;\n/**\n * What\n * it is.\n */\nconst other = 2;\n';
    expect(docCommentsOf(source)).toEqual([
      { line: 2, text: 'Name of a room.' },
      { line: 4, text: 'What it is.' },
    ]);
    expect(badOpeners('a.ts', source)).toEqual(['lib/a.ts:4 What it is.']);
  });

  it('are read from every room of lib', () => {
    const rooms = libFiles.filter(({ source }) => docCommentsOf(source).length > 0).map(({ room }) => room);
    expect(new Set(rooms)).toEqual(new Set(libFiles.map(({ room }) => room)));
    expect(libFiles.flatMap(({ source }) => docCommentsOf(source)).length).toBeGreaterThan(1000);
  });

  it('begin with a noun or a verb', () => {
    expect(libFiles.flatMap(({ path, source }) => badOpeners(path, source))).toEqual([]);
  });
});
