import { describe, expect, it } from 'vitest';
import { CLOSE } from '../../../lib/errors/close-codes.js';
import { FANOUT_ERRORS } from '../../../lib/errors/fanout-error.js';
import { REFUSALS } from '../../../lib/errors/refusals.js';
import { blocks, read, sections, type Section } from './markdown.js';

const PAGE = 'docs/errors.md';

/** A section that is about no single code. */
const STATUS_NAMES = 'HTTP status names';

const all = sections(read(PAGE));
const codes = all.filter(({ level }) => level === 2);

function section(title: string): Section {
  const [found, second] = codes.filter(other => other.title === title);
  expect(found, `${PAGE} has no section "## ${title}"`).toBeDefined();
  expect(second, `${PAGE} has two sections "## ${title}"`).toBeUndefined();
  return found!;
}

/** Matches a message that was made of a template with `%s`. */
function madeOf(template: string): RegExp {
  const parts = template.split('%s').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('.+')}$`);
}

/** The codes below a heading of the first level. */
function below(title: string): string[] {
  const start = all.findIndex(other => other.level === 1 && other.title === title);
  const end = all.findIndex((other, i) => i > start && other.level === 1);
  return all
    .slice(start + 1, end < 0 ? undefined : end)
    .filter(({ level }) => level === 2)
    .map(other => other.title);
}

describe(PAGE, () => {
  describe.each(Object.entries(FANOUT_ERRORS))('%s', (code, template) => {
    it('has a section with an example of its message, a cause and a remedy', () => {
      const { body } = section(code);
      const [example] = blocks(body);
      expect(example?.code.trim()).toMatch(madeOf(template));
      expect(example?.code).not.toContain('%s');
      expect(body).toContain('**Cause:**');
      expect(body).toContain('**Remedy:**');
    });
  });

  describe.each(Object.entries(REFUSALS))('%s', (code, message) => {
    it('has a section with its message, a cause and a remedy', () => {
      const { body } = section(code);
      expect(blocks(body)[0]?.code.trim()).toBe(message);
      expect(body).toContain('**Cause:**');
      expect(body).toContain('**Remedy:**');
    });
  });

  describe.each(Object.entries(CLOSE))('CLOSE.%s', (name, { code, reason }) => {
    it('has a section with its code and reason, a cause and a remedy', () => {
      const { body } = section(`CLOSE.${name}`);
      expect(body).toContain(`\`${code}\` \`${reason}\``);
      expect(body).toContain('**Cause:**');
      expect(body).toContain('**Remedy:**');
    });
  });

  it('explains no code that does not exist', () => {
    expect(below('Errors that are thrown').sort()).toEqual(Object.keys(FANOUT_ERRORS).sort());
    expect(below('Error frames').sort()).toEqual([...Object.keys(REFUSALS), STATUS_NAMES].sort());
    expect(below('Close codes')).toEqual(Object.keys(CLOSE).map(name => `CLOSE.${name}`));
  });
});

describe('docs/protocol.md', () => {
  const page = read('docs/protocol.md');

  it('has the reasons of the registered close codes as they are sent', () => {
    for (const { code, reason } of Object.values(CLOSE).filter(close => close.code < 4000))
      expect(page).toMatch(new RegExp(`\\| ${code} +\\|[^|]* \`${reason}`));
  });

  it('names no code that does not exist', () => {
    const known = [...Object.keys(REFUSALS), 'NOT_FOUND'];
    const named = [...page.matchAll(/`([A-Z]+_[A-Z_]+)`/g)].map(([, code]) => code!);
    expect(named.length).toBeGreaterThan(0);
    for (const code of named) expect(known).toContain(code);
  });
});
