import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { libFiles } from '../support/unit/lib-files.js';

const sourceOf = (path: string): string =>
  readFileSync(fileURLToPath(new URL(`../../lib/${path}`, import.meta.url)), 'utf8');

const codeOf = (path: string): string => sourceOf(path).replaceAll(/\/\*[^]*?\*\/|^\s*\/\/.*$/gm, '');

/** Members of `ws` and Node with an underscore, and the symbol of Node's connections. */
const PRIVATE =
  /\b_(?:receiver|sender|socket|server|handle|httpMessage|parent|errored)\b|http\.server\.connections/;

/** File with the type of a socket, of which `_handle` is a member. */
const TYPE_OF_A_SOCKET = 'connection/transport.ts';

describe('private parts', () => {
  it('of Nest are imported by one file', () => {
    const below = libFiles.filter(({ packages }) => packages.some(name => /^@nestjs\/[^/]+\//.test(name)));
    expect(below.map(({ path }) => path)).toEqual(['gateway/nest/private-api.ts']);
  });

  it('of ws and Node are used in one room', () => {
    const users = libFiles.filter(({ path }) => PRIVATE.test(codeOf(path))).map(({ path }) => path);
    expect(users.filter(path => !path.startsWith('ws/'))).toEqual([TYPE_OF_A_SOCKET]);
    expect(users.length).toBeGreaterThan(5);
  });

  it('switch off no type check without a reason', () => {
    const unexplained = libFiles.flatMap(({ path }) => {
      const lines = sourceOf(path).split('\n');
      return lines.flatMap((line, at) => {
        if (!/\bas (?:unknown as|never|any)\b/.test(line) || /^\s*(?:\/\/|\*|\/\*)/.test(line)) return [];
        const before = lines
          .slice(Math.max(0, at - 3), at)
          .some(each => /^\s*(?:\/\/|\*|\/\*\*|\? \/\/)/.test(each));
        return before ? [] : [`${path}:${at + 1}`];
      });
    });
    expect(unexplained).toEqual([]);
  });
});
