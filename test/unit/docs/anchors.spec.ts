import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { blocks, pages, read, ROOT, sections } from './markdown.js';

const LIFE = 'docs/life-of-a-message.md';

/** `lib/file.ts#symbol`, in text and diagrams. */
const ANCHOR = /\b(lib\/[\w/.-]+\.ts)#(\w+)/g;

/** Whether TypeScript source declares a class, interface, function, constant, or a member of a class of that name. */
function declares(source: string, symbol: string): boolean {
  const atTop = `^(?:export )?(?:default )?(?:abstract )?(?:async )?(?:class|interface|type|function|const) ${symbol}\\b`;
  const member = `^  (?:(?:static|abstract|override|async|readonly|get|set) )*${symbol}(?:<[^>]*>)?(?:[(:]|\\??: | = )`;
  return new RegExp(`${atTop}|${member}`, 'm').test(source);
}

/** What GitHub makes of a heading to link to. */
function slug(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');
}

const anchors = pages().flatMap(page =>
  [...read(page).matchAll(ANCHOR)].map(([text, file, symbol]) => ({
    page,
    text,
    file: file!,
    symbol: symbol!,
  })),
);

describe('anchors', () => {
  it('finds a class, a constant, a function, a method and a getter, and nothing that is only used', () => {
    const source =
      'export const TABLE = 1;\nclass A {\n  async run(): void {\n    used();\n  }\n  get open() {}\n}\n';
    expect(['TABLE', 'A', 'run', 'open', 'used', 'tab'].map(symbol => declares(source, symbol))).toEqual([
      true,
      true,
      true,
      true,
      false,
      false,
    ]);
  });

  it(`${LIFE} has them`, () => {
    expect(anchors.filter(({ page }) => page === LIFE).length).toBeGreaterThan(50);
  });

  it.each([...new Set(anchors.map(({ text }) => text))])('%s is declared there', text => {
    const [file, symbol] = text.split('#') as [string, string];
    expect(existsSync(ROOT + file), `${file} does not exist`).toBe(true);
    expect(declares(readFileSync(ROOT + file, 'utf8'), symbol), `${file} declares no ${symbol}`).toBe(true);
  });

  it.each(readdirSync(`${ROOT}lib`, { withFileTypes: true }).flatMap(e => (e.isDirectory() ? [e.name] : [])))(
    `${LIFE} leads through the room lib/%s and lists it`,
    room => {
      const [rooms] = sections(read(LIFE)).filter(({ title }) => title === 'Where things are');
      expect(rooms!.body).toContain(`| \`lib/${room}\``);
      expect(anchors.some(({ page, file }) => page === LIFE && file.startsWith(`lib/${room}/`))).toBe(true);
    },
  );

  it('has no room that does not exist', () => {
    const rooms = [...read(LIFE).matchAll(/^\| `(lib\/\w+)`/gm)].map(([, room]) => room!);
    expect(rooms.length).toBeGreaterThan(0);
    for (const room of rooms) expect(existsSync(ROOT + room), `${room} does not exist`).toBe(true);
  });
});

/** Links from page to page, by page; code blocks may look like links and are left out. */
const links = pages().flatMap(page => {
  const text = blocks(read(page)).reduce((rest, { code }) => rest.replace(code, ''), read(page));
  const targets = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!);
  return [...new Set(targets)]
    .filter(target => !target.startsWith('https:'))
    .map(target => ({ page, target }));
});

describe('links', () => {
  it.each(links)('$page has $target', ({ page, target }) => {
    const [path, heading] = target.split('#') as [string, string?];
    const file = path === '' ? page : join(dirname(page), path);
    expect(existsSync(ROOT + file), `${target} does not exist`).toBe(true);
    if (heading === undefined) return;
    const headings = sections(read(file)).map(({ title }) => slug(title));
    expect(headings, `${target} is no heading`).toContain(heading);
  });
});
