import { readFileSync } from 'node:fs';

const PAGE = 'docs/proxies.md';

/** A block of docs/proxies.md, changed only where a test says so. */
export class Configuration {
  private constructor(readonly text: string) {}

  /** The first block of a language below a heading of the page. */
  static of(heading: string, language: string): Configuration {
    const [, section] = readFileSync(PAGE, 'utf8').split(`\n## ${heading}\n`);
    const body = section?.split('\n## ', 1)[0];
    const block = body?.split(`\n\`\`\`${language}\n`)[1]?.split('\n```\n', 1)[0];
    if (block === undefined) throw new Error(`${PAGE} has no block of ${language} below "${heading}"`);
    return new Configuration(`${block}\n`);
  }

  /** Leaves out a text that is there once. */
  without(text: string): Configuration {
    return this.with(text, '');
  }

  /** Leaves out a text wherever it is. */
  withoutEach(text: string): Configuration {
    if (!this.text.includes(text)) throw new Error(`no "${text}" in:\n${this.text}`);
    return new Configuration(this.text.replaceAll(text, ''));
  }

  /** Puts another text in place of a text that is there once. */
  with(text: string, other: string): Configuration {
    const parts = this.text.split(text);
    if (parts.length !== 2) throw new Error(`"${text}" is there ${parts.length - 1} times in:\n${this.text}`);
    return new Configuration(parts.join(other));
  }
}
