import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { libFiles } from '../../support/unit/lib-files.js';

const HERE = fileURLToPath(new URL('.', import.meta.url));

/** Files without logic: types, constants, and classes that only name something. */
const WITHOUT_LOGIC = [
  'handshake/arrival.ts',
  'nest/gateway-handler.ts',
  'nest/gateway-hook.ts',
  'nest/guard-refusal.ts',
  'nest/invocation.ts',
  'nest/private-api.ts',
  'session/client-endpoint.ts',
  'session/counted-refusal.ts',
];

/** Files that only put other parts together. Their tests run in whole applications: `test/e2e`. The list may only shrink. */
const END_TO_END = [
  'messages/credentials.ts',
  'messages/inbound-limits.ts',
  'server/composition.ts',
  'server/gateway-server.ts',
];

/** Names of the specs of the gateway, without the part behind the first dot of `name.part.spec.ts`. */
const specs = readdirSync(HERE, { recursive: true, encoding: 'utf8' })
  .filter(path => path.endsWith('.spec.ts'))
  .map(path => path.replaceAll('\\', '/').slice(0, -'.spec.ts'.length));

const hasSpec = (path: string): boolean => {
  const name = path.slice(0, -'.ts'.length);
  return specs.some(spec => spec === name || spec.startsWith(`${name}.`));
};

const files = libFiles
  .filter(({ room }) => room === 'gateway')
  .map(({ path }) => path.slice('gateway/'.length));

describe('each file of lib/gateway', () => {
  it('has a unit test if it has logic', () => {
    const bare = files.filter(path => !hasSpec(path) && !WITHOUT_LOGIC.includes(path));
    expect(bare).toEqual([...END_TO_END].sort());
  });

  it('is on the list of those without logic only while it exists', () => {
    expect(WITHOUT_LOGIC.filter(path => !files.includes(path) || hasSpec(path))).toEqual([]);
  });
});
