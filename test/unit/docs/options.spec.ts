import { describe, expect, it } from 'vitest';
import { resolveOptions } from '../../../lib/options/resolve-options.js';
import { resolveTopicOptions } from '../../../lib/options/resolve-topic-options.js';
import { read, sections } from './markdown.js';

const PAGE = 'docs/options.md';

/** The options that are values themselves, and what the pages say where the default is no value. */
const VALUES: Record<string, string> = {
  origins: "`'same'` for requests with cookies or other credentials, any origin without",
  trustProxy: '`0`',
  unmatched: "`'ignore'`",
  globalEnhancers: "`'messages'`",
};

/** Every option by its dotted name, with its default as the pages write it. */
const defaults: Record<string, string> = Object.fromEntries(
  Object.entries(resolveOptions()).flatMap(([group, value]) => {
    if (group in VALUES) return [[group, VALUES[group]!]];
    if (typeof value === 'object') return inside(group, value);
    return [[group, written(group, value)], ...insideOf(group)];
  }),
);

/** The options of a group that is off by default: what they are when it is on. */
function insideOf(group: string): [string, string][] {
  const on = resolveOptions({ [group]: true }) as unknown as Record<string, object>;
  return inside(group, on[group]!);
}

function inside(group: string, values: object): [string, string][] {
  return Object.entries(values).map(([name, inner]) => {
    const path = `${group}.${name}`;
    return [path, written(path, inner)];
  });
}

function written(name: string, value: unknown): string {
  // What the machine decides has no number that a page could name.
  if (name.endsWith('.budget')) return 'a quarter of the heap limit';
  return value === undefined ? 'none' : `\`${JSON.stringify(value).replaceAll('"', "'")}\``;
}

const topic = resolveTopicOptions({ presence: true });

/** Every option of `@Topic`, in the order of the code. */
const topicDefaults: Record<string, string> = {
  ...Object.fromEntries(inside('history', topic.history)),
  slow: "`'conflate'` where `conflate` is set, else `slowConsumer.policy`",
  conflate: 'none: every publication counts',
  every: written('every', topic.every),
  presence: 'none: nobody is told',
  ...Object.fromEntries(inside('presence', topic.presence!)),
};

const all = sections(read(PAGE));

/** Where the heading is on the page. */
function place(heading: string): number {
  const found = all.findIndex(({ title }) => title === heading);
  expect(found, heading).toBeGreaterThan(0);
  return found;
}

/** The options between two headings of the page: third-level headings that are a name in back quotes. */
function documented(from: number, to: number): { name: string; body: string }[] {
  return all
    .slice(from, to)
    .filter(({ level }) => level === 3)
    .map(({ title, body }) => ({ name: title.replaceAll('`', ''), body }));
}

const ofModule = documented(0, place('Options of decorators'));
const ofTopic = documented(place('@Topic'), place('@WebSocketGateway'));

describe.each([
  ['forRoot', ofModule, defaults],
  ['@Topic', ofTopic, topicDefaults],
])(`${PAGE}, of %s`, (_, options, expected) => {
  it('has every option once, in the order of the code, and no other', () => {
    expect(options.map(({ name }) => name)).toEqual(Object.keys(expected));
  });

  it.each(Object.keys(expected))('says of %s its unit, default, zero and cost', name => {
    const { body } = options.find(option => option.name === name)!;
    expect(/^- Default: (.*)$/m.exec(body)?.[1]).toBe(expected[name]);
    for (const label of ['Unit', 'Zero', 'Cost']) expect(body).toMatch(new RegExp(`^- ${label}: \\S`, 'm'));
  });
});

/** The rows of a table of options in a section of a page: name and default. */
function rowsOf(page: string, heading: string): string[][] {
  const [found] = sections(read(page)).filter(({ title }) => title === heading);
  return [...found!.body.matchAll(/^\| `([\w.]+)` +\| (.*?) +\|/gm)].map(([, name, value]) => [
    name!,
    value!,
  ]);
}

describe('tables of options', () => {
  it(`${PAGE} has one of every option with its default`, () => {
    expect(rowsOf(PAGE, 'All options')).toEqual(Object.entries(defaults));
  });

  it('README.md has one of ten options, with the same rows', () => {
    const rows = rowsOf('README.md', 'Options');
    expect(rows).toHaveLength(10);
    expect(Object.entries(defaults)).toEqual(expect.arrayContaining(rows));
  });
});

describe('README.md', () => {
  it('has at most 200 lines', () => {
    expect(read('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
  });
});
