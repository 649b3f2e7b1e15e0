import type { Scenario } from './scenario.js';

/** A scenario as TypeScript, one step a line: what a regression test takes. */
export function readable({ settings, topics, clients, steps }: Scenario): string {
  return [
    '{',
    `  settings: ${literal(settings)},`,
    '  topics: {',
    ...Object.entries(topics).map(([name, spec]) => `    ${name}: ${literal(spec)},`),
    '  },',
    '  clients: [',
    ...clients.map((client, i) => `    ${literal(client)}, // ${i}`),
    '  ],',
    '  steps: [',
    ...steps.map(step => `    ${literal(step)},`),
    '  ],',
    '}',
  ].join('\n');
}

function literal(value: unknown): string {
  if (typeof value === 'string') return `'${value}'`;
  if (Array.isArray(value)) return `[${value.map(literal).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, part]) => `${key}: ${literal(part)}`)
    .join(', ')} }`;
}
