import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { blocks, read, sections } from './markdown.js';

const PAGE = 'docs/proxies.md';

const FOLDER = 'test/proxies';

/** Lines that say where the proxy listens, where the application is, and what belongs together. */
const FRAME = [
  /^$|^#|[{}]$|^<|^(global|defaults|frontend web|backend app)$/,
  /^(listen|ssl_certificate|ssl_certificate_key|proxy_pass) /,
  /^(mode http$|bind |default_backend |server app\d 127)/,
  /^SSL|^(BalancerMember|ProxyPass \/) \S+$/,
  /^reverse_proxy /,
];

/** The specs with tests of a section of the page. */
const SECTIONS = [
  { title: 'nginx', spec: 'nginx.spec.ts' },
  { title: 'HAProxy', spec: 'haproxy.spec.ts' },
  { title: 'Apache', spec: 'apache.spec.ts' },
  { title: 'Several processes', spec: 'several.spec.ts' },
];

function bodyOf(title: string): string {
  return sections(read(PAGE)).find(section => section.title === title)!.body;
}

/** The texts in back quotes in the first column of the table that says what happens without a line. */
function rowsOf(title: string): string[] {
  const [, table] = bodyOf(title).split(/^\| Line .*\n\| -.*\n/m);
  const cells = table!
    .split(/\n(?!\|)/, 1)[0]!
    .split('\n')
    .map(row => row.split(' | ')[0]!);
  return cells.flatMap(cell => [...cell.matchAll(/`([^`]+)`/g)].map(([, text]) => text!));
}

describe.each(SECTIONS)(`${PAGE}: $title`, ({ title, spec }) => {
  const lines = blocks(bodyOf(title)).flatMap(({ code }) => code.split('\n').map(line => line.trim()));
  const rows = rowsOf(title);

  it('says of every line what happens without it', () => {
    const unsaid = lines.filter(
      line => !FRAME.some(frame => frame.test(line)) && !rows.some(row => line.includes(row)),
    );
    expect(unsaid).toEqual([]);
  });

  it.each(rows)('has %s in a block, and a test for it', row => {
    expect(lines.some(line => line.includes(row))).toBe(true);
    expect(read(`${FOLDER}/${spec}`)).toContain(row);
  });
});

describe(PAGE, () => {
  it('is tested with each of its programs', () => {
    const specs = readdirSync(FOLDER).filter(name => name.endsWith('.spec.ts'));
    const tested = SECTIONS.map(({ spec }) => spec);
    expect(specs.sort()).toEqual([...tested, 'caddy.spec.ts', 'held-back.spec.ts', 'lag.spec.ts'].sort());
  });
});
