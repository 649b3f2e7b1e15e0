import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import { read, sections } from './markdown.js';

const PAGE = 'docs/options.md';

/** Every option by its dotted name, with its default as the pages write it. */
const defaults: Record<string, string> = Object.fromEntries(
  Object.entries(resolveOptions()).flatMap(([group, value]) =>
    typeof value === 'object' ? inside(group, value) : [[group, written(value)], ...insideOf(group)],
  ),
);

/** The options of a group that is off by default: what they are when it is on. */
function insideOf(group: string): [string, string][] {
  const on = resolveOptions({ [group]: true }) as unknown as Record<string, object>;
  return inside(group, on[group]!);
}

function inside(group: string, values: object): [string, string][] {
  return Object.entries(values).map(([name, inner]) => [`${group}.${name}`, written(inner)]);
}

function written(value: unknown): string {
  return value === undefined ? 'none' : `\`${JSON.stringify(value)}\``;
}

/** The options of the page: third-level headings that are a name in back quotes, up to the decorators' options. */
function documented(): { name: string; body: string }[] {
  const all = sections(read(PAGE));
  const end = all.findIndex(({ title }) => title === 'Options of decorators');
  expect(end).toBeGreaterThan(0);
  return all
    .slice(0, end)
    .filter(({ level }) => level === 3)
    .map(({ title, body }) => ({ name: title.replaceAll('`', ''), body }));
}

describe(PAGE, () => {
  it('has every option once, in the order of the code, and no other', () => {
    expect(documented().map(({ name }) => name)).toEqual(Object.keys(defaults));
  });

  it.each(Object.keys(defaults))('says of %s its unit, default, zero and cost', name => {
    const { body } = documented().find(option => option.name === name)!;
    expect(/^- Default: (.*)$/m.exec(body)?.[1]).toBe(defaults[name]);
    for (const label of ['Unit', 'Zero', 'Cost']) expect(body).toMatch(new RegExp(`^- ${label}: \\S`, 'm'));
  });
});

describe('README.md', () => {
  it('has a table of every option with its default', () => {
    const [options] = sections(read('README.md')).filter(({ title }) => title === 'Options');
    const rows = [...options!.body.matchAll(/^\| `([\w.]+)` +\| (.*?) +\|/gm)].map(([, name, value]) => [
      name,
      value,
    ]);
    expect(rows).toEqual(Object.entries(defaults));
  });
});
