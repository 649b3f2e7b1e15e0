// Makes an application with each CLI of Nest, follows the README to the letter, and looks at what comes out: unit and e2e
// tests, a build with each builder, and the started application over a WebSocket, on each Node.
//
//   node test/templates/run.mjs [--nest 11|12] [--fresh]
//
// Folders are kept below the system's temporary directory and used again; --fresh makes them anew.
import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { cacheFolder, installNode, pack } from '../support/installation.mjs';
import { Template } from './template.mjs';

const { values: wanted } = parseArgs({
  options: { nest: { type: 'string' }, fresh: { type: 'boolean', default: false } },
});

/** What each CLI makes, and how it is built and tested. Its tests may be slow: the machine may be busy. */
const TEMPLATES = [
  {
    nest: '11',
    patience: ['--testTimeout=60000'],
    builders: ['tsc', 'swc', 'webpack'],
    tools: { '@swc/cli': '^0.8.0', '@swc/core': '^1.15.18' },
    // The template has Jest 30; many applications are still on 29.
    jest: '29',
  },
  {
    nest: '12',
    patience: ['--testTimeout=60000', '--hookTimeout=60000'],
    // For ES modules the CLI refuses webpack and offers rspack.
    builders: ['tsc', 'swc', 'rspack'],
    tools: {
      '@swc/cli': '^0.8.0',
      '@swc/core': '^1.15.18',
      '@rspack/core': '^2.1.10',
      'fork-ts-checker-webpack-plugin': '^9.1.0',
      'tsconfig-paths-webpack-plugin': '^4.2.0',
      'webpack-node-externals': '^3.0.0',
    },
  },
].filter(({ nest }) => (wanted.nest ?? nest) === nest);

if (TEMPLATES.length === 0) {
  console.error(`--nest must be 11 or 12; got ${wanted.nest}.`);
  process.exit(2);
}

if (wanted.fresh) rmSync(cacheFolder('templates'), { recursive: true, force: true });
const cache = cacheFolder('templates');
const tarball = pack(cache);
const nodes = { 20: installNode(cache, '20'), 24: installNode(cache, '24') };

// Two at a time: most of a step is one process on one core.
const passed = await Promise.all(
  TEMPLATES.map(template => new Template(template, { cache, tarball, nodes }).check()),
);
process.exitCode = passed.every(Boolean) ? 0 : 1;
