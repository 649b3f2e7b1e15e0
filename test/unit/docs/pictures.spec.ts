import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { read, ROOT } from './markdown.js';

interface Row {
  readonly peer: string;
  readonly case: string;
  readonly cpuUs: number;
}

interface Picture {
  readonly text: object;
  readonly rows: readonly Row[];
}

const { INKS, plot } = (await import(`${ROOT}bench/plot.mjs`)) as {
  readonly INKS: Readonly<Record<string, string>>;
  plot(text: object, rows: readonly Row[], ink: string): string;
};

const { text, rows } = JSON.parse(read('docs/images/fanout.json')) as Picture;

/** The first cell of the row of docs/performance.md that has the figures of a peer. */
const ROWS: Record<string, string> = {
  fanout: '`nestjs-fanout`',
  nest: 'a Nest application with `WsAdapter`, a loop',
  'socket.io': 'Socket.IO rooms',
  'ws-once': '`ws`, stringify once',
  'net-floor': 'bare `net` server, ready bytes, one write: the floor',
};

/** The figures of a table's row. */
function figuresOf(cell: string): number[] {
  const line = read('docs/performance.md')
    .split('\n')
    .find(other => other.startsWith(`| ${cell} `));
  return line!.split('|').slice(2, -1).map(Number);
}

describe('pictures of README.md', () => {
  const paths = [...read('README.md').matchAll(/(?:src|srcset)="([^"]+)"/g)].map(([, path]) => path!);

  it.each(paths)('%s exists', path => {
    expect(existsSync(ROOT + path)).toBe(true);
  });

  it('are a light and a dark one of the sample and of the plot', () => {
    expect(paths).toHaveLength(4);
  });

  it.each(Object.entries(INKS))(
    'the %s plot is drawn from its figures: run node bench/picture.mjs',
    (ground, ink) => {
      expect(read(`docs/images/fanout-${ground}.svg`)).toBe(plot(text, rows, ink));
    },
  );

  it.each(Object.entries(ROWS))('the figures of %s are those of docs/performance.md', (peer, cell) => {
    const drawn = rows.filter(row => row.peer === peer).map(({ cpuUs }) => cpuUs);
    expect(drawn).toEqual(figuresOf(cell));
  });
});
