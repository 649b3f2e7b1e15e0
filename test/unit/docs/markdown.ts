import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Absolute path of the repository, with a slash at the end. */
export const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** A heading with what stands below it, up to the next heading of any level. */
export interface Section {
  readonly level: number;
  readonly title: string;
  readonly body: string;
}

export interface Block {
  readonly language: string;
  readonly code: string;
}

export function read(path: string): string {
  return readFileSync(ROOT + path, 'utf8');
}

/** Every page a reader may copy from, by path from the root. */
export function pages(): string[] {
  const docs = readdirSync(`${ROOT}docs`, { recursive: true, encoding: 'utf8' });
  return [
    'README.md',
    'CONTRIBUTING.md',
    'SECURITY.md',
    ...docs.filter(name => name.endsWith('.md')).map(name => `docs/${name}`),
  ];
}

export function sections(markdown: string): Section[] {
  const found: { level: number; title: string; lines: string[] }[] = [];
  let fenced = false;
  for (const line of markdown.split('\n')) {
    if (line.startsWith('```')) fenced = !fenced;
    const heading = fenced ? undefined : /^(#+) (.*)$/.exec(line);
    if (heading) found.push({ level: heading[1]!.length, title: heading[2]!, lines: [] });
    else found.at(-1)?.lines.push(line);
  }
  return found.map(({ level, title, lines }) => ({ level, title, body: lines.join('\n') }));
}

export function blocks(markdown: string): Block[] {
  return [...markdown.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, language, code]) => ({
    language: language!,
    code: code!,
  }));
}
