import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const LIB = fileURLToPath(new URL('../../../lib', import.meta.url));

export interface LibFile {
  /** Path under lib, with slashes. */
  readonly path: string;
  /** First folder, or '' for the files at the top. */
  readonly room: string;
  readonly lines: number;
  readonly source: string;
  /** The source without its comments. */
  readonly code: string;
  /** Files of lib that it imports, types included, by path under lib. */
  readonly imports: readonly string[];
  /** The same without imports that only name types. */
  readonly runtimeImports: readonly string[];
  /** Packages and Node modules that it imports. */
  readonly packages: readonly string[];
}

/** Each `from '…'` and `import('…')` of code, and whether only types come from it. */
function importsIn(code: string): { from: string; typeOnly: boolean }[] {
  const statements = code.matchAll(/^(import|export)\s+(type\s)?([^;'"]*?)from\s+['"]([^'"]+)['"]/gm);
  const bare = code.matchAll(/^import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm);
  return [
    ...[...statements].map(([, , type, names, from]) => {
      const listed = /^\{([^]*)\}\s*$/
        .exec(names!.trim())?.[1]
        ?.split(',')
        .filter(name => name.trim() !== '');
      const allTypes = listed?.every(name => name.trim().startsWith('type ')) ?? false;
      return { from: from!, typeOnly: type !== undefined || allTypes };
    }),
    ...[...bare].map(([, first, second]) => ({ from: (first ?? second)!, typeOnly: false })),
  ];
}

/** Every source of lib, as far as the rules of its rooms go. */
export const libFiles: readonly LibFile[] = readdirSync(LIB, { recursive: true, encoding: 'utf8' })
  .filter(path => /\.c?ts$/.test(path))
  .map(path => {
    const source = readFileSync(join(LIB, path), 'utf8');
    const code = source.replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');
    const all = importsIn(code);
    const own = all
      .filter(({ from }) => from.startsWith('.'))
      .map(({ from, typeOnly }) => ({
        to: normalize(join(dirname(path), from)).replace(/\.(c?)js$/, '.$1ts'),
        typeOnly,
      }));
    return {
      path,
      room: path.includes('/') ? path.slice(0, path.indexOf('/')) : '',
      lines: source.split('\n').length - 1,
      source,
      code,
      imports: own.map(({ to }) => to),
      runtimeImports: own.filter(({ typeOnly }) => !typeOnly).map(({ to }) => to),
      packages: all.map(({ from }) => from).filter(from => !from.startsWith('.')),
    };
  })
  .sort((a, b) => (a.path < b.path ? -1 : 1));

/** A cycle among imports, as the files on it, or undefined. */
export function cycleIn(imports: ReadonlyMap<string, readonly string[]>): string[] | undefined {
  const done = new Set<string>();
  const visit = (file: string, path: string[]): string[] | undefined => {
    const at = path.indexOf(file);
    if (at >= 0) return [...path.slice(at), file];
    if (done.has(file)) return undefined;
    for (const next of imports.get(file) ?? []) {
      const cycle = visit(next, [...path, file]);
      if (cycle !== undefined) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of imports.keys()) {
    const cycle = visit(file, []);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}
