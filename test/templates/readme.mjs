// The README's quick start and tests, as a reader copies them.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../support/installation.mjs';

/** Code blocks of one language in a section of a page. */
function blocksOf(page, section, language) {
  const text = readFileSync(join(ROOT, page), 'utf8');
  const start = text.indexOf(`\n${section}\n`);
  if (start < 0) throw new Error(`${page} has no section "${section}"`);
  const level = /^#+/.exec(section)[0];
  const rest = text.slice(start + 1 + section.length);
  // A heading of the same level ends the section, one inside a block of code does not.
  const body = rest.split(new RegExp(`^${level} `, 'm'))[0];
  return [...body.matchAll(new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\`$`, 'gm'))].map(([, code]) => code);
}

/** Commands of a section, one a line. */
export function commandsOf(page, section) {
  return blocksOf(page, section, 'sh').flatMap(block => block.trim().split('\n'));
}

/** Writes the files of a section into a folder and gives their names. */
export function writeFilesOf(page, section, folder) {
  return blocksOf(page, section, 'ts').map(code => {
    const name = /^\/\/ ([\w./-]+\.ts)\n/.exec(code)?.[1];
    if (name === undefined) throw new Error(`a block of "${section}" in ${page} has no file name`);
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), code);
    return name;
  });
}
