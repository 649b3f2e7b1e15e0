/**
 * The tests of a spec file, each as the titles that lead to it, as they stand in the source: `%s` and `$name` of
 * `each` are not filled in. A title that is no literal is left out, a test that is skipped does not count.
 *
 * Nesting is read off the indentation, which Prettier keeps. TypeScript 7 has no parser for programs to use.
 */
export function testsIn(source: string): string[][] {
  const tests: string[][] = [];
  const around: { readonly indent: number; readonly title: string }[] = [];
  for (const { index, 1: indent, 2: kind, 3: modifier } of source.matchAll(CALL)) {
    while (around.length > 0 && around.at(-1)!.indent >= indent!.length) around.pop();
    const open = source.indexOf('(', index + indent!.length + kind!.length);
    const title = titleAt(source, modifier === 'each' ? closing(source, open) + 1 : open);
    if (title === undefined) continue;
    const titles = [...around.map(outer => outer.title), title];
    if (kind === 'describe') around.push({ indent: indent!.length, title });
    else tests.push(titles);
  }
  return tests;
}

/** `describe` and `it` at the beginning of a line. Those with `skip` and the like are no promise to anybody. */
const CALL = /^( *)(describe|it)(?:\.(each))?\(/gm;

/** Whole strings, comments and expressions that may hold a bracket, so that brackets in them are passed over. */
const OPAQUE = /'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`|\/\/.*|\/\*[\s\S]*?\*\/|[()]/y;

/** Where the bracket that opens at `open` closes. */
function closing(source: string, open: number): number {
  let depth = 0;
  for (let at = open; at < source.length;) {
    OPAQUE.lastIndex = at;
    const token = OPAQUE.exec(source)?.[0];
    if (token === '(') depth++;
    if (token === ')' && --depth === 0) return at;
    at += token?.length ?? 1;
  }
  throw new Error(`a bracket at ${open} does not close`);
}

/** The literal that is the first argument of the call that opens at `open`. */
function titleAt(source: string, open: number): string | undefined {
  const literal = /^\(\s*(?:'((?:\\.|[^'\\])*)'|"((?:\\.|[^"\\])*)"|`((?:\\.|[^`\\])*)`)/.exec(
    source.slice(open),
  );
  return (literal?.[1] ?? literal?.[2] ?? literal?.[3])?.replace(/\\(.)/g, '$1');
}
