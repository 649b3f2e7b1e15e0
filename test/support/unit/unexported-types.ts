import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Identifier, type JSDoc, type Node, SyntaxKind } from 'typescript/unstable/ast';
import { isIdentifier } from 'typescript/unstable/ast/is';
import { API, type Checker, type Project, type Symbol, SymbolFlags } from 'typescript/unstable/sync';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));

/** Folder with the declarations of `lib`, as a user of the package gets them. */
export class Declarations {
  readonly folder = mkdtempSync(join(tmpdir(), 'fanout-declarations-'));

  constructor() {
    const tsc = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--emitDeclarationOnly', '--declarationMap', 'false', '--outDir', this.folder];
    execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json', ...options], { cwd: ROOT });
    writeFileSync(
      join(this.folder, 'tsconfig.json'),
      JSON.stringify({
        compilerOptions: { module: 'nodenext', target: 'es2023', types: [] },
        files: ['index.d.ts'],
      }),
    );
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/**
 * Types that a declaration reachable from the exports of `index.d.ts` names and that `index.d.ts` does not export, each
 * with the declaration that names it. Types of other packages and members marked `@internal` do not count.
 */
export function unexportedTypes(folder: string): string[] {
  const api = new API({ cwd: folder });
  try {
    const project = api.updateSnapshot({ openProject: join(folder, 'tsconfig.json') }).getProjects()[0]!;
    return new Walk(project, folder).run();
  } finally {
    api.close();
  }
}

/** Statements that declare a type. */
const STATEMENTS = new Set([
  SyntaxKind.ClassDeclaration,
  SyntaxKind.EnumDeclaration,
  SyntaxKind.InterfaceDeclaration,
  SyntaxKind.TypeAliasDeclaration,
]);

class Walk {
  readonly #checker: Checker;
  readonly #exported: Set<number>;
  readonly #waiting: Symbol[];
  readonly #seen = new Set<number>();
  readonly #missing = new Set<string>();

  constructor(
    private readonly project: Project,
    private readonly folder: string,
  ) {
    this.#checker = project.checker;
    const index = project.program.getSourceFile(join(folder, 'index.d.ts'))!;
    const symbols = this.#checker.getExportsOfModule(this.#checker.getSymbolAtLocation(index)!);
    this.#waiting = symbols.map(symbol => this.#target(symbol));
    this.#exported = new Set(this.#waiting.map(({ id }) => id));
  }

  run(): string[] {
    for (let symbol = this.#waiting.pop(); symbol !== undefined; symbol = this.#waiting.pop()) {
      if (this.#seen.has(symbol.id)) continue;
      this.#seen.add(symbol.id);
      for (const handle of symbol.declarations) this.#visit(handle.resolve(this.project)!, symbol);
    }
    return [...this.#missing].sort();
  }

  #visit(node: Node, owner: Symbol): void {
    if (isHidden(node)) return;
    if (isIdentifier(node)) this.#name(node, owner);
    node.forEachChild(child => this.#visit(child, owner));
  }

  #name(node: Identifier, owner: Symbol): void {
    const found = this.#checker.getSymbolAtLocation(node);
    if (found === undefined) return;
    const symbol = this.#target(found);
    if (symbol.id === owner.id || !this.#isOurs(symbol)) return;
    if (!this.#exported.has(symbol.id)) this.#missing.add(`${symbol.name}, named by ${owner.name}`);
  }

  #target(symbol: Symbol): Symbol {
    return symbol.flags & SymbolFlags.Alias ? this.#checker.getAliasedSymbol(symbol) : symbol;
  }

  /** Whether a statement of one of our files declares the symbol: no member, parameter or type parameter. */
  #isOurs({ declarations }: Symbol): boolean {
    return declarations.some(({ kind, path }) => STATEMENTS.has(kind) && path.startsWith(this.folder));
  }
}

/** Whether a member is for the package alone. */
function isHidden(node: Node): boolean {
  const comments = node.jsDoc as readonly JSDoc[] | undefined;
  if (comments?.some(({ tags }) => tags?.some(({ tagName }) => tagName.text === 'internal'))) return true;
  const { modifiers } = node as { modifiers?: readonly Node[] };
  return modifiers?.some(({ kind }) => kind === SyntaxKind.PrivateKeyword) === true;
}
