import { describe, expect, it } from 'vitest';
import { FIRST_STATE, TRANSITIONS } from '../../../lib/topic/subscription-states.js';
import { blocks, read, sections } from './markdown.js';

const TITLE = 'The states of a subscription';

const section = sections(read('docs/life-of-a-message.md')).find(({ title }) => title === TITLE)!;
const diagram = blocks(section.body).find(({ language }) => language === 'mermaid')!.code;

/** Arrows of a state diagram in Mermaid, as `from --> to`, each once and in order. */
function arrowsIn(code: string): string[] {
  const arrows = [...code.matchAll(/^\s*(\[\*\]|\w+) --> (\[\*\]|\w+): \S/gm)].map(
    ([, from, to]) => `${from} --> ${to}`,
  );
  // A line that is no arrow could hide a state.
  expect(arrows).toHaveLength(code.trim().split('\n').length - 1);
  return arrows.sort();
}

/** The same arrows, from the table of the code. */
function arrowsOf(table: Readonly<Record<string, readonly string[]>>, first: string): string[] {
  const arrows = [`[*] --> ${first}`];
  for (const [from, all] of Object.entries(table)) {
    for (const to of all) arrows.push(`${from} --> ${to}`);
    if (all.length === 0) arrows.push(`${from} --> [*]`);
  }
  return arrows.sort();
}

describe(`the diagram of "${TITLE}"`, () => {
  it('has the states and the transitions of the code, and no others', () => {
    expect(diagram).toMatch(/^stateDiagram-v2\n/);
    expect(arrowsIn(diagram)).toEqual(arrowsOf(TRANSITIONS, FIRST_STATE));
  });

  it('is explained: the text says what each state means', () => {
    const rows = [...section.body.matchAll(/^\| `(\w+)` /gm)].map(([, state]) => state);
    expect(rows).toEqual(Object.keys(TRANSITIONS));
  });

  it('would differ if a transition or a state were added or left out', () => {
    const known = arrowsIn(diagram);
    const { waiting: _, ...fewer } = TRANSITIONS;
    for (const table of [
      fewer,
      { ...TRANSITIONS, lost: ['ended'] },
      { ...TRANSITIONS, ended: ['held'] },
      { ...TRANSITIONS, behind: ['live'] },
    ])
      expect(known).not.toEqual(arrowsOf(table, FIRST_STATE));
    expect(known).not.toEqual(arrowsOf(TRANSITIONS, 'live'));
  });
});
