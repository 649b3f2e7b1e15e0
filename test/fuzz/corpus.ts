import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Script } from './script.js';

/** A case that is attacked with in every run: scripts that are played at the same time. */
export interface Case {
  readonly name: string;
  readonly what: string;
  readonly scripts: readonly Script[];
}

/**
 * The files of the corpus: each is one script, `copies` of it, or several under `scripts`. So that they stay small,
 * `{"repeat":"x","times":9}` is a text, `{"join":[…]}` is texts one behind the other, `{"list":"x%","times":9}` is
 * x0 to x8, and `{"headers":9}` is nine headers, and those of `then`.
 */
export function corpus(directory: string): Case[] {
  return readdirSync(directory)
    .filter(file => file.endsWith('.json'))
    .sort()
    .map(file => caseOf(file, JSON.parse(readFileSync(join(directory, file), 'utf8'), unfold)));
}

function caseOf(name: string, content: { what: string; scripts?: Script[]; copies?: number } & Script): Case {
  const { what, scripts, copies = 1, ...script } = content;
  return {
    name: name.replace('.json', ''),
    what,
    scripts: scripts ?? Array.from({ length: copies }, () => script),
  };
}

function unfold(_: string, value: any): unknown {
  if (typeof value?.repeat === 'string') return value.repeat.repeat(value.times);
  if (Array.isArray(value?.join)) return value.join.join('');
  if (typeof value?.list === 'string') return numbered(value.times, i => value.list.replace('%', i));
  if (typeof value?.headers === 'number')
    return [...numbered(value.headers, i => [`X-${i}`, '1']), ...(value.then ?? [])];
  return value;
}

function numbered<T>(times: number, item: (i: string) => T): T[] {
  return Array.from({ length: times }, (_, i) => item(String(i)));
}
